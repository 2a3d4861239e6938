// A short, quiet sound, made rather than loaded.

const LENGTH_S = 0.35;
const LOUDNESS = 0.06;

export function chime(): void {
  try {
    const context = new AudioContext();
    const [tone, volume] = [context.createOscillator(), context.createGain()];
    tone.frequency.setValueAtTime(660, context.currentTime);
    tone.frequency.setValueAtTime(880, context.currentTime + LENGTH_S / 2);
    volume.gain.setValueAtTime(LOUDNESS, context.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.0001, context.currentTime + LENGTH_S);
    tone.connect(volume).connect(context.destination);
    tone.start();
    tone.stop(context.currentTime + LENGTH_S);
    tone.onended = () => void context.close();
  } catch {
    // A browser that plays nothing before it was clicked in; the notification is there all the same.
  }
}

// Runs before a page's own scripts and keeps what Chromium tells of it: shifts, paints, long tasks, interactions.
(() => {
    const seen = (window.seen = { shift: 0, shifts: [], largest: 0, tasks: [], events: [] });
    const nameOf = (node) => {
        const one = node?.nodeType === 3 ? node.parentElement : node;
        return one ? `${one.localName}${[...one.classList].map((name) => `.${name}`).join("")}` : "(gone)";
    };
    const watch = (type, take, more) => new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true, ...more });
    watch("layout-shift", (one) => {
        if (one.hadRecentInput) return;
        seen.shift += one.value;
        seen.shifts.push(`${one.value.toFixed(4)} ${one.sources.map((source) => nameOf(source.node)).join(" ")}`);
    });
    watch("largest-contentful-paint", (one) => { seen.largest = one.startTime; });
    watch("longtask", (one) => seen.tasks.push(one.duration));
    watch("event", (one) => {
        if (one.interactionId) seen.events.push({ name: one.name, ms: one.duration, script: one.processingEnd - one.processingStart });
    }, { durationThreshold: 16 });
    addEventListener("click", () => { sessionStorage.clicked = String(Date.now()); }, true);
})();

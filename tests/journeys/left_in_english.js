// What of a page is English although it speaks another language, but for names, code, keys and what people and agents wrote.
(names) => {
  const KEPT = ["Slipway", "Claude", "Code", "Sonnet", "Opus", "Haiku", "API", "URL", "ID", "JavaScript", "Markdown", "USD", "UTC", "https", "http", "git", "main", "Ctrl", "Shift", "Enter", "Esc", "Escape", "Tab", "Chromium", "Chrome", "Linux", ...names];
  const WRITTEN = "code, pre, kbd, samp, .mono, .said, slw-markdown, .prose, .branch, [lang], script, style, template, .tool .target, .asked-about, .asked-path, option[lang]";
  const SPOKEN = ["aria-label", "title", "placeholder", "alt", "aria-description"];
  const isEnglish = (text) => KEPT.reduce((rest, name) => rest.split(name).join(" "), text).match(/[A-Za-z]{3,}/) !== null;
  const found = new Set();
  const note = (text, where) => void (text && isEnglish(text) && found.add(`${text.trim().replace(/\s+/g, " ").slice(0, 120)} (${where})`));
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = walker.currentNode; node; node = walker.nextNode()) {
    const element = node instanceof Element ? node : node.parentElement;
    const written = element.closest(WRITTEN);
    if ((written && written !== document.documentElement) || !element.checkVisibility()) continue;
    if (!(node instanceof Element)) note(node.data, element.closest("[class]")?.className || element.localName);
    else for (const name of SPOKEN) note(node.getAttribute(name), name);
  }
  note(document.title, "title");
  return [...found];
}

// Makes one piece of the page like another with as few changes as can be: what is alike keeps its nodes, and with them a reader's selection.

export function morph(from: Node, to: Node): void {
  if (from.isEqualNode(to)) return;
  if (from instanceof Text && to instanceof Text) {
    if (to.data.startsWith(from.data)) from.appendData(to.data.slice(from.length));
    else from.data = to.data;
  } else if (from instanceof Element && to instanceof Element && from.localName === to.localName) {
    morphAttributes(from, to);
    morphChildren(from, to);
  } else from.parentNode?.replaceChild(to, from);
}

export function morphChildren(from: Node, to: Node): void {
  const wanted = [...to.childNodes];
  const known = [...from.childNodes];
  wanted.forEach((node, index) => {
    const old = known[index];
    if (old) morph(old, node);
    else from.appendChild(node);
  });
  for (const extra of known.slice(wanted.length)) from.removeChild(extra);
}

function morphAttributes(from: Element, to: Element): void {
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name)) from.removeAttribute(name);
  for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
}

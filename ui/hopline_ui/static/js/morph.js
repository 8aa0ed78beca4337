// Make one tree of elements equal to another while keeping the elements that stay:
// focus, hover, scroll and open menus survive a refresh.

/** @param {Element} from the live element @param {Element} to its newer version */
export function morph(from, to) {
  if (from.isEqualNode(to)) return;
  attributes(from, to);
  children(from, to);
}

function attributes(from, to) {
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !kept(from, name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value && !kept(from, name)) from.setAttribute(name, value);
  }
}

/** What belongs to the person at the page, not to the server. */
function kept(element, name) {
  if (name === "open" || name === "style") return true;
  return element === document.activeElement && name === "value";
}

const keyOf = (node) => (node.nodeType === 1 ? node.dataset.key || node.id || "" : "");

function children(from, to) {
  const keyed = new Map();
  for (const node of from.childNodes) {
    const key = keyOf(node);
    if (key) keyed.set(key, node);
  }
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const key = keyOf(wanted);
    let match = key ? keyed.get(key) : null;
    if (!key && at && !keyOf(at) && at.nodeName === wanted.nodeName) match = at;
    if (match && match.nodeName === wanted.nodeName) {
      if (match === at) at = at.nextSibling;
      else from.insertBefore(match, at);
      if (match.nodeType === 1) morph(match, wanted);
      else if (match.nodeValue !== wanted.nodeValue) match.nodeValue = wanted.nodeValue;
    } else {
      from.insertBefore(document.importNode(wanted, true), at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

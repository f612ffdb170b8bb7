/**
 * The element of the page with this id.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function part(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`no ${kind.name} #${id}`);
  return found;
}

/**
 * A new element with texts and elements in it.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, string | number | boolean>} fields
 * @param {(Node | string)[]} inner
 * @returns {HTMLElementTagNameMap[K]}
 */
export function made(name, fields = {}, ...inner) {
  const element = Object.assign(document.createElement(name), fields);
  element.append(...inner);
  return element;
}

/**
 * Writes a text where it differs, so that a screen reader tells only what is new.
 * @param {HTMLElement} element
 * @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Characters that end a line, or turn what follows them beyond the text that they stand in. */
const disturbing = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu;
const [isolate, end] = ['\u2068', '\u2069'];

/**
 * A text that somebody else wrote, for a sentence of the page: whatever its direction, the words around it stay in their order.
 * A text with an element of its own is written as it is, in an element with dir="auto".
 * @param {string} text
 */
export function foreign(text) {
  return `${isolate}${text.replace(disturbing, ' ')}${end}`;
}

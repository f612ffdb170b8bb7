/**
 * What a terminal obeys instead of showing it: control characters, and those that turn the direction of a line, by which
 * a text reads as another than it is.
 */
const obeyed = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const short: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Names come from outside: with nothing in them that a terminal would obey. `keep`: characters that stay as they are. */
export function printable(text: string, keep = ''): string {
  return text.replace(obeyed, (character) => {
    if (keep.includes(character)) return character;
    return short[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

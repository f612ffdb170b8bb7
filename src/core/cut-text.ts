/** At most `most` UTF-16 units of a text, without half a character at its end: strict readers of UTF-8 refuse halves. */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  const last = text.charCodeAt(most - 1);
  const isHalf = last >= 0xd800 && last < 0xdc00;
  return text.slice(0, isHalf ? most - 1 : most);
}

/** The same, and cut between two words where it has any. */
export function cutAtWord(text: string, most: number): string {
  const cut = cutText(text, most);
  if (cut === text || /\s/.test(text.charAt(cut.length))) return cut.trimEnd();
  return cut.replace(/\s+\S*$/, '') || cut;
}

/** Characters of a text: Unicode code points. */
export function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

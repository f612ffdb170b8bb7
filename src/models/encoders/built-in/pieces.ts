/** Pieces of 3 and 4 characters of `<word>`; the angle brackets mark its ends. A word of one character is one piece. */
export function pieces(word: string): string[] {
  const characters = ['<', ...word, '>'];
  const found: string[] = [];
  for (const n of [3, 4])
    for (let i = 0; i + n <= characters.length; i++) found.push(characters.slice(i, i + n).join(''));
  return found;
}

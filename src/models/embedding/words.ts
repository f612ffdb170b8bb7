/** Words of a text in reading order: case and accents folded, letters and digits of any script, nothing else. */
export function words(text: string): string[] {
  return (
    text
      .normalize('NFKD')
      .replace(/\p{M}+/gu, '')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  );
}

/** Pieces of 3 and 4 characters of `<word>`; the angle brackets mark its ends. A word of one character is one piece. */
export function pieces(word: string): string[] {
  const characters = ['<', ...word, '>'];
  const found: string[] = [];
  for (const n of [3, 4])
    for (let i = 0; i + n <= characters.length; i++) found.push(characters.slice(i, i + n).join(''));
  return found;
}

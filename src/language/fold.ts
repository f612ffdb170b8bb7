/** Marks of other scripts are letters in all but name; so are those that tell が from か and й from и. */
const marks = /(?![\u3099\u309a]|(?<=[иу])\u0306)(?=[\p{Script=Inherited}\p{Script=Hebrew}])\p{M}/giu;

const isAscii = /^[\x20-\x7e]*$/;

/**
 * One spelling for a word however it is written: case, accents, width, the points of Arabic and Hebrew, katakana as
 * hiragana, skin tones of emoji.
 */
export function fold(word: string): string {
  if (isAscii.test(word)) return word.toLowerCase();
  return word
    .normalize('NFKD')
    .replace(marks, '')
    .replace(/\p{Emoji_Modifier}|\u0640/gu, '')
    .toLowerCase()
    .normalize('NFC')
    .replace(/[ァ-ヶ]/gu, (letter) => String.fromCharCode(letter.charCodeAt(0) - 0x60));
}

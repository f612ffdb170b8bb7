/** Scripts without spaces, whose writers mark the ends of words with U+200B. */
const unspaced = '[\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}]';
/** Nobody sees them, and they part or glue words: zero-width spaces, word joiners, byte order marks, soft hyphens. */
const unseen = new RegExp(`[\\u2060\\ufeff\\u00ad]|(?<!${unspaced})\\u200b|\\u200b(?!${unspaced})`, 'gu');

/**
 * A text as it stands in a prompt, a caption's and a user's alike: white space collapsed, none at the ends, and no marks that cannot be
 * seen. The joiners U+200C and U+200D stay: scripts and emoji need them.
 */
export function promptText(text: string): string {
  return text.replace(unseen, '').replace(/\s+/g, ' ').trim();
}

/**
 * How much a text repeats itself, 0 (never) to 1: the share of its pairs of neighbouring words that came before in it. Sentences
 * stay under 0.1; a captioner that turns in circles ("a cat on a cat on a cat") is above 0.5.
 */
export function repetition(words: readonly string[]): number {
  const seen = new Set<string>();
  let again = 0;
  for (let n = 1; n < words.length; n++) {
    const pair = `${words[n - 1]} ${words[n]}`;
    if (seen.has(pair)) again++;
    seen.add(pair);
  }
  return words.length > 1 ? again / (words.length - 1) : 0;
}

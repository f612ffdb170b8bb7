import { VimiError } from '../../errors.js';
import { optionalPackage } from '../optional-package.js';
import { netJson } from './net-file.js';

/** The numbers of a text's tokens, with those that the net wants before and after them. */
export type Tokenizer = (text: string) => number[];

/** The largest that are known, of 260,000 tokens, have 35 MB. */
const mostBytes = 64 * 2 ** 20;
/** Characters; no token of a prompt that is read lies behind them. */
const longestText = 20_000;

/**
 * Reads a tokenizer.json as the `tokenizers` library writes it: WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED,
 * PACKAGE_NOT_INSTALLED. Of a text that has more than `most` tokens the end is left out. Tokens are whole numbers below
 * `vocabulary`, else WEIGHTS_DAMAGED: the file and the net are not of one kind.
 */
export async function openTokenizer(
  file: string,
  { vocabulary, most }: { vocabulary: number; most: number },
): Promise<Tokenizer> {
  const told = await netJson(file, mostBytes);
  const { Tokenizer } = await optionalPackage<Library>('@huggingface/tokenizers');
  const damaged = (cause: unknown) =>
    new VimiError('WEIGHTS_DAMAGED', 'This tokenizer cannot be used', {
      found: cause instanceof Error ? cause.message : String(cause),
      where: file,
      cause,
    });
  let tokenizer: InstanceType<Library['Tokenizer']>;
  try {
    tokenizer = new Tokenizer(told, {});
  } catch (cause) {
    throw damaged(cause);
  }
  const tokensOf = (text: string): number[] => {
    try {
      return tokenizer.encode(text).ids;
    } catch (cause) {
      throw damaged(cause);
    }
  };
  return (text) => {
    let part = text.slice(0, longestText);
    let tokens = tokensOf(part);
    // Words are cut from the text and not tokens from the list, so that what belongs at the end stays there.
    while (tokens.length > most && part.length > 0) {
      part = part.slice(0, Math.floor((part.length - 1) * (most / tokens.length)));
      tokens = tokensOf(part);
    }
    const wrong = tokens.findIndex((token) => !Number.isSafeInteger(token) || token < 0 || token >= vocabulary);
    if (wrong >= 0 || tokens.length > most)
      throw new VimiError('WEIGHTS_DAMAGED', 'The tokenizer does not fit the net', {
        expected: `at most ${most} numbers below ${vocabulary}`,
        found: wrong >= 0 ? String(tokens[wrong]) : `${tokens.length} numbers for no text`,
        where: file,
      });
    return tokens;
  };
}

/** What is used of @huggingface/tokenizers. */
interface Library {
  Tokenizer: new (tokenizer: unknown, config: object) => { encode(text: string): { ids: number[] } };
}

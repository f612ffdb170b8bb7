import { VimiError } from '../../../core/errors.js';
import { optionalPackage } from '../../../core/optional-package.js';
import { netJson } from './net-file.js';

/** The numbers of a text's tokens, with those that the net wants before and after them. */
export type Tokenizer = (text: string) => number[];

/** Of two texts that a net reads as one: and to which of them each token belongs, 0 or 1. */
export type PairTokenizer = (first: string, second: string) => { tokens: number[]; parts: number[] };

/** The largest that are known, of 260,000 tokens, have 35 MB. */
const mostBytes = 64 * 2 ** 20;
/** Characters; no token of a prompt that is read lies behind them. */
const longestText = 20_000;

/**
 * Reads a tokenizer.json as the `tokenizers` library writes it: WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED,
 * PACKAGE_NOT_INSTALLED. Of a text that has more than `most` tokens the end is left out. Tokens are whole numbers below
 * `vocabulary`, else WEIGHTS_DAMAGED: the file and the net are not of one kind.
 */
export async function openTokenizer(file: string, limits: TokenLimits): Promise<Tokenizer> {
  const { encode, check } = await readTokenizer(file, limits);
  return (text) => {
    let part = text.slice(0, longestText);
    let { tokens } = encode(part);
    // Words are cut from the text and not tokens from the list, so that what belongs at the end stays there.
    while (tokens.length > limits.most && part.length > 0) {
      part = shorter(part, tokens.length, limits.most);
      tokens = encode(part).tokens;
    }
    check(tokens);
    return tokens;
  };
}

/** The same of pairs: of two texts that have too many tokens together, the end of the longer one is left out. */
export async function openPairTokenizer(file: string, limits: TokenLimits): Promise<PairTokenizer> {
  const { encode, check } = await readTokenizer(file, limits);
  return (...texts) => {
    const parts = texts.map((text) => text.slice(0, longestText));
    let encoded = encode(parts[0]!, parts[1]!);
    while (encoded.tokens.length > limits.most && (parts[0] || parts[1])) {
      const long = parts[0]!.length > parts[1]!.length ? 0 : 1;
      parts[long] = shorter(parts[long]!, encoded.tokens.length, limits.most);
      encoded = encode(parts[0]!, parts[1]!);
    }
    check(encoded.tokens);
    return encoded;
  };
}

/** The text of tokens that a net has made, without those that are no words. The errors of openTokenizer. */
export async function openTokenReader(file: string): Promise<(tokens: number[]) => string> {
  const { tokenizer, damaged } = await load(file);
  return (tokens) => {
    try {
      return tokens.length === 0 ? '' : tokenizer.decode(tokens, { skip_special_tokens: true });
    } catch (cause) {
      throw damaged(cause);
    }
  };
}

interface TokenLimits {
  /** Tokens are whole numbers below it. */
  vocabulary: number;
  /** Tokens of one text, or of two together. */
  most: number;
}

function shorter(text: string, tokens: number, most: number): string {
  return text.slice(0, Math.floor((text.length - 1) * (most / tokens)));
}

async function load(file: string) {
  const told = await netJson(file, mostBytes);
  const { Tokenizer } = await optionalPackage<Library>('@huggingface/tokenizers');
  const damaged = (cause: unknown) =>
    new VimiError('WEIGHTS_DAMAGED', 'This tokenizer cannot be used', {
      found: cause instanceof Error ? cause.message : String(cause),
      where: file,
      cause,
    });
  try {
    return { tokenizer: new Tokenizer(told, {}), damaged };
  } catch (cause) {
    throw damaged(cause);
  }
}

async function readTokenizer(file: string, { vocabulary, most }: TokenLimits) {
  const { tokenizer, damaged } = await load(file);
  return {
    encode(text: string, pair?: string): ReturnType<PairTokenizer> {
      try {
        const how = pair === undefined ? {} : { text_pair: pair, return_token_type_ids: true };
        const { ids: tokens, token_type_ids: parts = tokens.map(() => 0) } = tokenizer.encode(text, how);
        return { tokens, parts };
      } catch (cause) {
        throw damaged(cause);
      }
    },
    check(tokens: readonly number[]): void {
      const wrong = tokens.findIndex((token) => !Number.isSafeInteger(token) || token < 0 || token >= vocabulary);
      if (wrong < 0 && tokens.length <= most) return;
      throw new VimiError('WEIGHTS_DAMAGED', 'The tokenizer does not fit the net', {
        expected: `at most ${most} numbers below ${vocabulary}`,
        found: wrong >= 0 ? String(tokens[wrong]) : `${tokens.length} numbers for no text`,
        where: file,
      });
    },
  };
}

/** What is used of @huggingface/tokenizers. */
interface Library {
  Tokenizer: new (
    tokenizer: unknown,
    config: object,
  ) => {
    encode(text: string, options: object): { ids: number[]; token_type_ids?: number[] };
    decode(tokens: number[], options: object): string;
  };
}

import { join } from 'node:path';
import { z } from 'zod';
import { netJson } from './net-file.js';

const config = z.looseObject({
  model_type: z.string().max(64).optional(),
  text_config: z.looseObject({ pad_token_id: z.number().int().nonnegative().optional() }).optional(),
});
const padded = z.looseObject({ padding: z.looseObject({ pad_id: z.number().int().nonnegative() }) });

/** Whether config.json is that of a SigLIP. */
export const isSiglip = (type: string | undefined): boolean => type?.startsWith('siglip') ?? false;

/**
 * The token that fills texts up, for nets that were trained on texts of one length (SigLIP): the tokenizer's, or the config's, or
 * SigLIP's own. Undefined of other nets. WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED.
 */
export async function fillingOf(folder: string): Promise<number | undefined> {
  const told = config.safeParse(await netJson(join(folder, 'config.json'), 2 ** 20));
  if (!told.success || !isSiglip(told.data.model_type)) return undefined;
  const tokenizer = padded.safeParse(await netJson(join(folder, 'tokenizer.json'), 64 * 2 ** 20));
  return tokenizer.success ? tokenizer.data.padding.pad_id : (told.data.text_config?.pad_token_id ?? 1);
}

/** Tokens filled up to `most` where there is a token for it, and 1 for each that is of the text. */
export function filled(
  tokens: readonly number[],
  { filling, most }: { filling: number | undefined; most: number },
): { ids: number[]; mask: number[] } {
  const more = filling === undefined ? [] : Array<number>(most - tokens.length).fill(filling);
  return { ids: [...tokens, ...more], mask: [...tokens.map(() => 1), ...more.map(() => 0)] };
}

import type { MadeCaption } from '../../events/caption.js';
import type { Clip } from '../../flow/flow.js';
import { boilerplate } from '../../language/boilerplate.js';
import { languageOf } from '../../language/language-of.js';
import { repetition } from '../../language/repetition.js';
import { words } from '../../language/words.js';
import type { Embedder } from '../../models/ports.js';

/** A caption with its language: as its captioner says it, else as its words tell (language-of.ts). */
export function withLanguage(caption: MadeCaption): MadeCaption {
  return caption.language === undefined ? { ...caption, language: languageOf(words(caption.text)) } : caption;
}

/**
 * What is measured of a caption:
 *
 *   caption_words         how many there are
 *   caption_repetition    0 to 1, how much it repeats itself (repetition.ts)
 *   caption_boilerplate   0 to 1, how much of it says nothing of what is shown (boilerplate.ts)
 *   caption_agreement     -1 to 1, the cosine between text and keyframe, where the encoder of the profile has both in one space
 */
export async function captionScores(
  text: string,
  { imageEmbedding }: Pick<Clip, 'imageEmbedding'>,
  embedder: Pick<Embedder, 'joint' | 'text'> | undefined,
): Promise<Record<string, number>> {
  const found = words(text);
  const embedded = embedder?.joint ? await embedder.text(text) : undefined;
  return {
    caption_words: found.length,
    caption_repetition: repetition(found),
    caption_boilerplate: boilerplate(text),
    ...(embedded?.length === imageEmbedding.length && {
      caption_agreement: embedded.reduce((sum, value, n) => sum + value * imageEmbedding[n]!, 0),
    }),
  };
}

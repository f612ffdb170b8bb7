import { z } from 'zod';
import { VimiError } from '../errors.js';
import { countCharacters, within } from '../events/input.js';
import type { MediaAdded } from '../events/schemas.js';
import { checkText } from '../media/text-of.js';
import type { MediaFile } from './flow.js';
import { mapEach } from './map-each.js';
import { defineOperator } from './operator.js';
import { promptText } from './prompt-text.js';

/*
 * In      media, file, clip
 * Out     query: the caption as a text-to-video prompt, and what must not become its own context
 * Drops   nothing
 * Fails   CAPTION_MISSING, CAPTION_UNREADABLE, PROMPT_TOO_LONG
 * Memory  none
 */
/** What programs write where a table has no text. */
const isNothing = /^(nan|null|none|undefined|n\/a)$/i;

export const caption = defineOperator(
  {
    name: 'caption',
    summary: 'Takes the caption of the event, else the text file beside the medium.',
    contract: {
      in: 'media, file and clip.',
      out: 'query: the caption as a text-to-video prompt, white space collapsed, with what must not be its own context: its source, its bytes, its looks.',
      drops: 'Nothing.',
      fails:
        'CAPTION_MISSING when there is neither, or but a word for nothing (nan, null, none); CAPTION_UNREADABLE with control characters or half a surrogate pair; PROMPT_TOO_LONG above max_characters.',
      memory: 'None.',
    },
    config: z.strictObject({
      max_characters: z.number().int().min(1).max(4000).default(4000).describe('Longer captions are rejected.'),
    }),
    example: '- caption: { max_characters: 500 }',
    needs: ['media', 'file', 'clip'],
    adds: ['query'],
  },
  ({ max_characters }, { clock }) => ({
    step: mapEach<'media' | 'file' | 'clip'>(
      ({ media, file, clip }) => {
        const text = captionOf(media, file);
        if (!text || isNothing.test(text))
          throw new VimiError('CAPTION_MISSING', 'This medium has no caption', {
            expected: 'a caption in the event or a .txt file beside the medium',
            found: text ? `'${text}'` : 'neither',
            where: file.uri,
          });
        checkText(text, file.uri);
        if (!within(text, 1, max_characters))
          throw new VimiError('PROMPT_TOO_LONG', 'This caption is too long', {
            expected: `at most ${max_characters} characters`,
            found: `${countCharacters(text)} characters`,
            where: file.uri,
          });
        return {
          query: {
            task: 'text-to-video',
            parts: [{ text }],
            text,
            retrieval: undefined,
            self: { source: file.source, contentHash: clip.keyframe.sha256, perceptual: clip.perceptual },
          },
        };
      },
      { step: 'caption', concurrency: 1, clock },
    ),
  }),
);

/** The caption of the event, else of the text beside it, white space collapsed; undefined where neither says anything. */
export function captionOf({ caption: own }: MediaAdded, { sidecar }: MediaFile): string | undefined {
  return [own, sidecar].map((given) => given && promptText(given)).find(Boolean) || undefined;
}

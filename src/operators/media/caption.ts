import { z } from 'zod';
import { countCharacters } from '../../core/cut-text.js';
import { VimiError } from '../../core/errors.js';
import { type MadeCaption, mostCaption } from '../../events/caption.js';
import { within } from '../../events/input.js';
import { defineOperator } from '../../flow/define-operator.js';
import type { Resources } from '../../flow/operator.js';
import { checkText } from '../../media/text-of.js';
import { captionScores, withLanguage } from './caption-scores.js';
import { type CaptionerSetting, captionerSetting, openCaptioner, serversOf, wordsFor } from './captioners.js';
import { captionOf } from './said.js';

/*
 * In      media, file, clip
 * Out     captions: all that were made, in the order of the captioners; query: the first as a text-to-video prompt, and
 *         what must not become its own context; clip: with the scores of that caption
 * Drops   nothing
 * Fails   CAPTION_MISSING, CAPTION_UNREADABLE, PROMPT_TOO_LONG; CAPTIONER_* of a server
 * Memory  `concurrency` keyframes
 */
const config = z.strictObject({
  from: z
    .array(captionerSetting)
    .min(1)
    .max(16)
    .default(['given', 'sidecar'])
    .describe(
      'Who makes captions, in this order. given: the event; sidecar: the text file beside the medium, which is read if the event has no caption; metadata: a description, title or comment in the file itself (container, EXIF, XMP, IPTC) that reads like a caption; { template: "{label} {verb}" }: a text with labels of the event in it; { server: { url, name, key, seconds } }: a model server that sees the keyframe; { net: FOLDER }: a net that sees it (docs/guides/captioners.md).',
    ),
  most: z
    .number()
    .int()
    .min(1)
    .max(16)
    .default(16)
    .describe('Captions of a clip that are kept. With 1, each captioner is asked only if those before it had nothing.'),
  max_characters: z
    .number()
    .int()
    .min(1)
    .max(mostCaption)
    .default(mostCaption)
    .describe('Longer captions are rejected.'),
  concurrency: z.number().int().min(1).max(64).default(4).describe('Clips that captioners look at together.'),
});

export const caption = defineOperator(
  {
    name: 'caption',
    summary:
      'Gives each clip its captions: from the event, the text file beside the medium, the file itself, its labels, or a model that sees it.',
    contract: {
      in: 'media, file and clip.',
      out: 'captions: each text, without surplus white space and marks that cannot be seen, with who made it and its language. clip: with the scores of the first caption (caption_words, caption_repetition, caption_boilerplate; caption_agreement if the encoder of the profile has texts and images in one space). query: the first caption as a text-to-video prompt. It also says what must not become its own context: its source, its bytes, its appearance.',
      drops: 'Nothing.',
      fails:
        'CAPTION_MISSING if nobody has one, or only a word for nothing (nan, null, none); CAPTION_UNREADABLE with control characters or half a surrogate pair; PROMPT_TOO_LONG above max_characters. Of a captioner that is a server: CAPTIONER_REFUSED; CAPTIONER_FAILED and CAPTIONER_ANSWER_INVALID after retries. While it fails on everything (CAPTIONER_UNAVAILABLE) or refuses the key (CAPTIONER_DENIED), the pipeline pauses.',
      memory: 'The keyframes that servers look at.',
    },
    config,
    example: '- caption: { from: [given, sidecar, { template: "{label}, {verb}" }], most: 1 }',
    needs: ['media', 'file', 'clip'],
    optional: ['probe'],
    adds: ['query', 'captions'],
    servers: ({ from }) => serversOf(from),
  },
  {
    concurrency: ({ concurrency }) => concurrency,
    open: (run) => openAll(run.config.from, run),
    close: async ({ state }) => {
      await Promise.all(state.map((captioner) => captioner.close()));
    },
    async process(flow, context) {
      const { from, most, max_characters } = context.config;
      const { media, file, clip } = flow;
      const captions: MadeCaption[] = [];
      for (const captioner of context.state) {
        const asked = { flow, known: captions, mostCharacters: max_characters, around: context };
        const made = captions.length < most && (await captioner.caption(asked));
        if (!made) continue;
        check(made, max_characters, file.uri);
        captions.push(withLanguage(made));
      }
      const [first] = captions;
      if (!first)
        throw new VimiError('CAPTION_MISSING', 'This medium has no caption', {
          expected: from.map(wordsFor).join(', or '),
          found: found(captionOf(media, file)),
          where: file.uri,
        });
      const { text } = first;
      const scores = await captionScores(text, clip, context.embedder);
      return {
        captions,
        clip: { ...clip, scores: { ...clip.scores, ...scores } },
        query: {
          task: 'text-to-video',
          parts: [{ text }],
          text,
          retrieval: undefined,
          self: { source: file.source, contentHash: clip.keyframe.sha256, perceptual: clip.perceptual },
        },
      };
    },
  },
);

/** All or none: those that are open are closed where one cannot be opened. */
async function openAll(settings: readonly CaptionerSetting[], around: Pick<Resources, 'topologyFolder'>) {
  const opened: Awaited<ReturnType<typeof openCaptioner>>[] = [];
  try {
    for (const setting of settings) opened.push(await openCaptioner(setting, around));
    return opened;
  } catch (thrown) {
    for (const captioner of opened) await captioner.close();
    throw thrown;
  }
}

const found = (said: string | undefined) => (said ? `'${said}'` : 'none');

function check({ text }: MadeCaption, most: number, where: string): void {
  checkText(text, where);
  if (within(text, 1, most)) return;
  throw new VimiError('PROMPT_TOO_LONG', 'This caption is too long', {
    expected: `at most ${most} characters`,
    found: `${countCharacters(text)} characters`,
    where,
  });
}

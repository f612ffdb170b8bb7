import { resolve } from 'node:path';
import { z } from 'zod';
import { urlOf } from '../../core/hosts.js';
import type { MadeCaption } from '../../events/caption.js';
import type { Flow, Has } from '../../flow/flow.js';
import type { Resources } from '../../flow/operator.js';
import { promptText } from '../../language/prompt-text.js';
import type { Captioner } from '../../models/ports.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import { decodedImage } from '../decoded-image.js';
import { fieldsOf, filledIn } from './caption-template.js';
import { captionInMetadata } from './metadata-caption.js';
import { isNoCaption } from './said.js';

/*
 * Who can say what a medium shows: what was written of it, a template of its labels, or a model that looks at the keyframe of each clip.
 */

const template = z
  .string()
  .min(3)
  .max(1000)
  .refine((text) => fieldsOf(text).length > 0, 'a text with the name of a label in braces, such as "{label} {verb}"');

const isServer = (text: string) => {
  const url = urlOf(text);
  return url !== null && /^https?:$/.test(url.protocol) && !url.username && !url.password;
};
const server = z.strictObject({
  url: z.string().max(2000).refine(isServer, 'http:// or https://, a host of model_hosts, and a path'),
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'letters, digits, dots, dashes and underscores'),
  // What no header can hold would stand in the message of whoever tries.
  key: z
    .string()
    .max(4096)
    .regex(/^[\x21-\x7e]+$/, 'letters, digits and signs of ASCII, without spaces')
    .optional(),
  // Node gives up what does not begin to answer in five minutes.
  seconds: z.number().positive().max(300).default(60),
});

/** One captioner, as the step names it. */
export const captionerSetting = z.union([
  z.enum(['given', 'sidecar', 'metadata']),
  z.strictObject({ template }),
  z.strictObject({ server }),
  z.strictObject({ net: z.string().min(1).max(4096) }),
]);
export type CaptionerSetting = z.infer<typeof captionerSetting>;

type Captioned = Has<'media' | 'file' | 'clip'> & Pick<Flow, 'probe'>;

interface Asked {
  flow: Captioned;
  /** What others said before. */
  known: readonly MadeCaption[];
  mostCharacters: number;
  /** Looked at by models alone. */
  around: { readonly objects: ObjectStore; readonly signal: AbortSignal };
}

interface OpenCaptioner {
  caption(asked: Asked): MadeCaption | undefined | Promise<MadeCaption | undefined>;
  close(): Promise<void>;
}

export async function openCaptioner(
  setting: CaptionerSetting,
  { topologyFolder }: Pick<Resources, 'topologyFolder'>,
): Promise<OpenCaptioner> {
  if (setting === 'given') return saying('given', ({ media }) => media.caption);
  if (setting === 'sidecar') return saying('sidecar', ({ file }) => file.sidecar);
  if (setting === 'metadata') return reading();
  if ('template' in setting) return saying('template', ({ media }) => filledIn(setting.template, media.labels));
  if ('net' in setting) {
    const { openNetCaptioner } = await import('../../models/captioners/net-captioner.js');
    return looking(await openNetCaptioner(resolve(topologyFolder, setting.net)));
  }
  const { openServerCaptioner } = await import('../../models/captioners/server-captioner.js');
  return looking(openServerCaptioner(setting.server));
}

/** What somebody wrote. */
function saying(by: string, textOf: (flow: Captioned) => string | undefined): OpenCaptioner {
  return {
    caption({ flow }) {
      const text = promptText(textOf(flow) ?? '');
      return isNoCaption(text) ? undefined : { text, by };
    },
    async close() {},
  };
}

/** The first text of the file itself that reads like a caption. */
function reading(): OpenCaptioner {
  return {
    caption({ flow: { file, probe }, mostCharacters }) {
      for (const written of probe?.texts ?? []) {
        const text = captionInMetadata(written, file.uri, mostCharacters);
        if (text !== undefined) return { text, by: 'metadata' };
      }
      return undefined;
    },
    async close() {},
  };
}

/** What a model says of the keyframe. */
function looking(captioner: Captioner): OpenCaptioner {
  return {
    caption({ flow: { clip }, known, mostCharacters, around: { objects, signal } }) {
      const { key, sha256, media_type: mediaType } = clip.keyframe;
      const image = {
        mediaType,
        bytes: () => objects.get(key, { sha256 }),
        pixels: () => decodedImage(clip.keyframe, objects),
      };
      return captioner.caption({ image, known, mostCharacters }, signal);
    },
    close: () => captioner.close(),
  };
}

/** What a captioner makes its caption of. */
export function wordsFor(setting: CaptionerSetting): string {
  if (setting === 'given') return 'a caption in the event';
  if (setting === 'sidecar') return 'a text beside the medium';
  if (setting === 'metadata') return 'a description or title in the file itself';
  if ('template' in setting) return `the labels ${fieldsOf(setting.template).join(' and ')}`;
  return `a caption from ${'net' in setting ? setting.net : setting.server.name}`;
}

/** The labels that some captioners put into their captions. */
export function labelsAsked(settings: readonly CaptionerSetting[]): string[] {
  const asked = settings.flatMap((one) => (typeof one === 'object' && 'template' in one ? fieldsOf(one.template) : []));
  return [...new Set(asked)];
}

/** The addresses that some captioners call. */
export function serversOf(settings: readonly CaptionerSetting[]): string[] {
  return settings.flatMap((one) => (typeof one === 'object' && 'server' in one ? [one.server.url] : []));
}

/** Whether a captioner may have something to say of a medium of which this is known. */
export function maySay(
  setting: CaptionerSetting,
  { caption, sidecar, labels }: Pick<Has<'media'>['media'], 'caption' | 'labels'> & { sidecar: string | undefined },
): boolean {
  if (setting === 'given') return !isNoCaption(promptText(caption ?? ''));
  if (setting === 'sidecar') return !isNoCaption(promptText(sidecar ?? ''));
  // Nothing is decoded to look.
  if (setting === 'metadata') return true;
  return !('template' in setting) || filledIn(setting.template, labels) !== undefined;
}

import { z } from 'zod';
import { VimiError } from '../core/errors.js';
import { canonicalJson, Float } from './canonical-json.js';
import type { MadeCaption } from './caption.js';
import {
  type ContextEntry,
  type CorpusState,
  contextEntry,
  corpusState,
  imageRole,
  instructions,
  type Prompt,
  type PromptPart,
  sha256,
  task,
} from './prompt.js';

/*
 * A training sample, as the members of a WebDataset shard say it (docs/guides/read-videos-and-samples.md). Each sample has the same members,
 * and its .json the same fields of the same types whatever it holds, since readers that keep samples in columns (Arrow,
 * Parquet) take the types of all from the first few:
 * - measures are floats also where they are whole;
 * - every part of a prompt has all four fields, empty where they say nothing; the list itself is never empty; and so it
 *   is with captions, whose score is 0 where nobody says it;
 * - the context, which may be empty and varies in shape, is a text that holds JSON; so are scores that not every
 *   topology measures.
 * What samples share, the images and clips of their prompts and contexts, stands once in a shard, under `images/` or
 * `clips/` and its SHA-256, before the samples that name it.
 */

export type SharedKind = 'image' | 'clip';

/** The name of an image or a clip that samples share, within a shard. Without a dot: readers of WebDatasets pass over it. */
export function sharedName(kind: SharedKind, digest: string): string {
  return `${kind}s/${digest}`;
}

/** What a member is that samples share; null: it is a sample's own. */
export function sharedOf(name: string): { kind: SharedKind; sha256: string } | null {
  const [, kind, sha256] = /^(image|clip)s\/([0-9a-f]{64})$/.exec(name) ?? [];
  return kind && sha256 ? { kind: kind as SharedKind, sha256 } : null;
}

export interface SampleClip {
  kind: 'clip' | 'still';
  /** Seconds within the source. */
  start: number;
  duration: number;
  frames: number;
  fps: number;
  width: number;
  height: number;
  motion: number;
}

export interface SampleFacts {
  caption: string;
  /** The caption, and further ones. */
  captions: readonly MadeCaption[];
  prompt: Prompt;
  context: ContextEntry[];
  corpus: CorpusState;
  clip: SampleClip;
  /** What was measured of the clip, by name (media/measures/clip-measures.ts). */
  scores: Readonly<Record<string, number>>;
  provenance: { uri: string; source: string; licence: string; sha256: string; event: string };
}

/** Those that every sample has; 0 where nothing measured it. Others are in the text `more`, as JSON. */
export const commonScores = ['sharpness', 'brightness', 'contrast', 'black', 'frozen', 'letterbox'];

/** The .json of a sample: equal facts give equal bytes. */
export function writeSample(facts: SampleFacts): string {
  const { caption, captions, prompt, context, corpus, clip, scores, provenance } = facts;
  const { kind, start, duration, frames, fps, width, height, motion } = clip;
  const { uri, source, licence, sha256: digest, event } = provenance;
  return canonicalJson({
    layout: 4,
    caption,
    captions: captions.map(({ text, by, language = '', score = 0 }) => ({
      ...{ text, by, language },
      score: new Float(score),
    })),
    ...groundingOf({ prompt, context, corpus }),
    clip: {
      ...{ kind, frames, width, height },
      start: new Float(start),
      duration: new Float(duration),
      fps: new Float(fps),
      motion: new Float(motion),
    },
    scores: {
      ...Object.fromEntries(commonScores.map((name) => [name, new Float(scores[name] ?? 0)])),
      more: canonicalJson(
        Object.fromEntries(
          Object.entries(scores).filter(([name]) => name !== 'motion' && !commonScores.includes(name)),
        ),
      ),
    },
    provenance: { uri, source, licence, sha256: digest, event },
  });
}

/** What a sample was grounded in. */
export type Grounding = Pick<SampleFacts, 'prompt' | 'context' | 'corpus'>;

/**
 * A prompt as a .json has it: images and clips by their SHA-256. In place of one of a layout without clips it has none
 * either, if it can: its neighbours in the shard are of that layout.
 */
export function writtenPrompt({ task, instruction, parts: given }: Prompt, before?: ReadSample['prompt']) {
  const parts = given.map(writtenPart);
  const knowsNoClips = before?.parts.every(({ clip }) => clip === undefined) && parts.every(({ clip }) => clip === '');
  return { task, instruction, parts: knowsNoClips ? parts.map(({ clip: _, ...part }) => part) : parts };
}

function writtenPart(part: PromptPart) {
  const nothing = { text: '', image: '', clip: '', role: '' };
  if ('text' in part) return { ...nothing, text: part.text };
  const { role } = part;
  return 'clip' in part
    ? { ...nothing, text: part.caption, clip: part.clip.sha256, role }
    : { ...nothing, image: part.image.sha256, role };
}

function groundingOf({ prompt, context, corpus }: Grounding, before?: ReadSample['prompt']) {
  return {
    prompt: writtenPrompt(prompt, before),
    context: canonicalJson(context),
    corpus: { documents: corpus.documents, digest: corpus.digest },
  };
}

const empty = z.literal('');
/** Layouts before 4 have no clips. */
const noClip = empty.optional();
const prompt = z.looseObject({
  task,
  instruction: z.string(),
  parts: z.array(
    z.union([
      z.looseObject({ image: empty, clip: noClip, role: empty, text: z.string() }),
      z.looseObject({ image: sha256, clip: noClip, role: imageRole, text: empty }),
      z.looseObject({ image: empty, clip: sha256, role: z.literal('motion'), text: z.string() }),
    ]),
  ),
});
const context = z.array(contextEntry);
const layout = z.union([z.literal(2), z.literal(3), z.literal(4)]);

/** What a reader needs of a .json; `context` is read further by `readContext`. */
export const sampleDescription = z.looseObject({
  layout,
  caption: z.string(),
  prompt,
  context: z.string(),
  clip: z.looseObject({ fps: z.number().nonnegative() }),
});

const wholeSample = sampleDescription.and(
  z.looseObject({
    captions: z.array(z.looseObject({ text: z.string(), by: z.string() })).optional(),
    corpus: corpusState,
    clip: z.looseObject({
      kind: z.enum(['clip', 'still']),
      start: z.number(),
      duration: z.number(),
      frames: z.number().int(),
      width: z.number().int(),
      height: z.number().int(),
      motion: z.number(),
    }),
    scores: z.looseObject({ more: z.string() }).optional(),
    provenance: z.looseObject({
      uri: z.string(),
      source: z.string(),
      licence: z.string(),
      sha256: z.string(),
      event: z.string(),
    }),
  }),
);

/** A sample's facts as its .json says them, whatever its layout. */
export interface ReadSample extends Omit<SampleFacts, 'prompt'> {
  /** All captions with who made each; in layouts that have one, that one. */
  captions: { text: string; by: string }[];
  prompt: z.infer<typeof prompt>;
}

/** Reads a whole .json, `motion` among the scores. OBJECT_DAMAGED, with `where`, for what is none of layouts 2 and on. */
export function readSample(json: string, where: string): ReadSample {
  try {
    const { caption, captions = [{ text: caption, by: '' }], scores, ...told } = wholeSample.parse(JSON.parse(json));
    const { more = '{}', ...measured } = scores ?? {};
    const all = { motion: told.clip.motion, ...measured, ...JSON.parse(more) };
    return { ...told, caption, captions, scores: all, context: readContext(told.context) };
  } catch (cause) {
    throw new VimiError('OBJECT_DAMAGED', 'The facts of a sample cannot be read', {
      ...{ expected: 'a sample of layout 2 or later', found: (cause as Error).message, where, cause },
    });
  }
}

/** Throws what JSON or the schema says of a text that is no context. */
export function readContext(text: string): ContextEntry[] {
  return context.parse(JSON.parse(text));
}

/** A sample's facts, as far as they say where it and its context come from. */
export const sampleOrigin = z.looseObject({
  layout,
  prompt,
  context: z.string(),
  provenance: z.looseObject({ uri: z.string(), source: z.string(), licence: z.string(), sha256: z.string() }),
});

/**
 * The .json without some documents of its context, and without their captions, images and clips in its prompt; every other
 * byte stays. null: it has none of them.
 */
export function sampleWithout(json: string, isRemoved: (entry: ContextEntry) => boolean): string | null {
  const told = sampleOrigin.parse(JSON.parse(json));
  const entries = readContext(told.context);
  const gone = entries.filter(isRemoved);
  if (gone.length === 0) return null;
  const left = entries.filter((entry) => !gone.includes(entry));
  type Part = (typeof told.prompt.parts)[number] | undefined;
  const isImage = (part: Part) =>
    part?.role === 'reference' && gone.some(({ image, clip }) => !clip && image.sha256 === part.image);
  const isClip = (part: Part) => part?.role === 'motion' && gone.some(({ clip }) => clip?.sha256 === part.clip);
  const isCaption = (part: Part, next: Part) =>
    part?.role === '' && isImage(next) && gone.some(({ caption, clip }) => !clip && caption === part.text);
  const { parts: all } = told.prompt;
  const parts = all.filter((part, at) => !isImage(part) && !isClip(part) && !isCaption(part, all[at + 1]));
  const hasContext = parts.some(({ role }) => role === 'reference');
  const { instruction } = told.prompt;
  const wasGrounded = instruction === instructions['text-to-video with context'];
  const rest = {
    ...told.prompt,
    parts,
    instruction: wasGrounded && !hasContext ? instructions['text-to-video'] : instruction,
  };
  // Neither holds a measure, so what it says is written as it was.
  return replaced(replaced(json, 'prompt', told.prompt, rest), 'context', told.context, canonicalJson(left));
}

/** The .json grounded in something else; every byte that says nothing of that stays. */
export function sampleGroundedIn(json: string, grounding: Grounding): string {
  const told = wholeSample.parse(JSON.parse(json));
  return Object.entries(groundingOf(grounding, told.prompt)).reduce(
    (text, [field, now]) => replaced(text, field, told[field as keyof Grounding], now),
    json,
  );
}

function replaced(json: string, field: string, before: unknown, after: unknown): string {
  const written = (value: unknown) => `${JSON.stringify(field)}:${canonicalJson(value)}`;
  if (!json.includes(written(before))) throw new Error(`${field} is not written as vimi writes it`);
  return json.replace(written(before), () => written(after));
}

/** Of what a .json names by its SHA-256: the images and clips that it shares, and whatever else. */
export function digestsNamed(json: string): string[] {
  return [...new Set(json.match(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g))];
}

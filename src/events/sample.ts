import { z } from 'zod';
import { canonicalJson, Float } from './canonical-json.js';
import { type ContextEntry, type CorpusState, contextEntry, imageRole, type Prompt, sha256, task } from './prompt.js';

/*
 * A training sample, as the members of a WebDataset shard say it (docs/samples.md). Each sample has the same members,
 * and its .json the same fields of the same types whatever it holds, since readers that keep samples in columns (Arrow,
 * Parquet) take the types of all from the first few:
 * - measures are floats also where they are whole;
 * - every part of a prompt has all three fields, empty where they say nothing; the list itself is never empty;
 * - the context, which may be empty and varies in shape, is a text that holds JSON.
 * Pictures stand once in a shard, under `images/` and their SHA-256, before the samples that name them.
 */

/** The name of a picture within a shard. Without a dot: readers of WebDatasets pass over it. */
export function pictureName(digest: string): string {
  return `images/${digest}`;
}

/** Of the picture that a member is; null: it is a sample's. */
export function pictureOf(name: string): string | null {
  return /^images\/([0-9a-f]{64})$/.exec(name)?.[1] ?? null;
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
  prompt: Prompt;
  context: ContextEntry[];
  corpus: CorpusState;
  clip: SampleClip;
  provenance: { uri: string; source: string; licence: string; sha256: string; event: string };
}

/** The .json of a sample: equal facts give equal bytes. */
export function writeSample({ caption, prompt, context, corpus, clip, provenance }: SampleFacts): string {
  const { kind, start, duration, frames, fps, width, height, motion } = clip;
  const { uri, source, licence, sha256: digest, event } = provenance;
  return canonicalJson({
    layout: 2,
    caption,
    prompt: {
      task: prompt.task,
      instruction: prompt.instruction,
      parts: prompt.parts.map((part) =>
        'text' in part
          ? { text: part.text, image: '', role: '' }
          : { text: '', image: part.image.sha256, role: part.role },
      ),
    },
    context: canonicalJson(context),
    corpus: { documents: corpus.documents, digest: corpus.digest },
    clip: {
      ...{ kind, frames, width, height },
      start: new Float(start),
      duration: new Float(duration),
      fps: new Float(fps),
      motion: new Float(motion),
    },
    provenance: { uri, source, licence, sha256: digest, event },
  });
}

const prompt = z.looseObject({
  task,
  instruction: z.string(),
  parts: z.array(
    z.union([
      z.looseObject({ image: z.literal(''), role: z.literal(''), text: z.string() }),
      z.looseObject({ image: sha256, role: imageRole, text: z.literal('') }),
    ]),
  ),
});
const context = z.array(contextEntry);

/** What a reader needs of a .json; `context` is read further by `readContext`. */
export const sampleDescription = z.looseObject({
  layout: z.literal(2),
  caption: z.string(),
  prompt,
  context: z.string(),
  clip: z.looseObject({ fps: z.number().nonnegative() }),
});

/** Throws what JSON or the schema says of a text that is no context. */
export function readContext(text: string): ContextEntry[] {
  return context.parse(JSON.parse(text));
}

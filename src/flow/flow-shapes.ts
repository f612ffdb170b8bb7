import { z } from 'zod';
import { madeCaption } from '../events/caption.js';
import { clipRef, imageRole, objectRef, prompt, task } from '../events/prompt.js';
import type { Flow } from './flow.js';

/*
 * What the fields of a flow must at least be: the types of flow.ts, as far as the steps that follow rely on them. Own
 * operators are written without a compiler, too; what they hand on is held against these.
 */

const number = z.number();
const size = z.number().int().positive();
const part = z.union([
  z.looseObject({ text: z.string() }),
  z.looseObject({ image: objectRef, role: imageRole }),
  z.looseObject({ clip: clipRef, caption: z.string(), role: z.literal('motion') }),
]);
const unitVector = z.array(number).min(1);

export const flowShapes = {
  request: z.looseObject({}),
  job: z.looseObject({ id: z.string().min(1), seed: z.number().int() }),
  media: z.looseObject({ uri: z.string().min(1) }),
  file: z.looseObject({
    path: z.string().min(1),
    size: z.number().int().nonnegative(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 of 64 hex digits'),
    identity: z.string(),
    sidecar: z.string().optional(),
    uri: z.string().min(1),
    source: z.string(),
    licence: z.string(),
  }),
  probe: z.looseObject({ kind: z.enum(['video', 'still']), width: size, height: size, duration: number, fps: number }),
  clip: z.looseObject({
    kind: z.enum(['clip', 'still']),
    object: objectRef,
    keyframe: objectRef,
    frames: size,
    width: size,
    height: size,
    scores: z.record(z.string(), number).optional(),
    perceptual: z.string(),
    imageEmbedding: unitVector,
  }),
  replaces: z.array(z.string()),
  captions: z.array(madeCaption).min(1),
  query: z.looseObject({ task, parts: z.array(part), text: z.string(), self: z.looseObject({}) }),
  embeddings: z.looseObject({
    model: z.string(),
    text: unitVector,
    image: unitVector.optional(),
    joint: z.boolean().optional(),
  }),
  context: z.looseObject({ entries: z.array(z.looseObject({})), nearDuplicates: z.array(z.unknown()) }),
  prompt,
  frames: z.looseObject({ video: z.looseObject({}), fps: number }),
  product: z.looseObject({
    body: z.union([z.instanceof(Uint8Array), z.looseObject({ file: z.string().min(1) })]),
    mediaType: z.string(),
    fields: z.record(z.string(), z.string()),
    schema: z.string(),
    data: z.record(z.string(), z.unknown()),
    id: z.string().min(1),
  }),
} as const satisfies Record<keyof Flow, z.ZodType>;

import { z } from 'zod';

/** A SHA-256 in lower-case hex. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Bytes in the object store: the key under which they lie and what proves them. */
export const objectRef = z.looseObject({
  key: z.string().min(1).max(1024),
  size: z.number().int().nonnegative(),
  sha256,
  media_type: z.string().max(128),
});
export type ObjectRef = z.infer<typeof objectRef>;

/** A clip in the object store, with what a reader wants to know before decoding it. */
export const clipRef = objectRef.extend({
  frames: z.number().int().positive(),
  fps: z.number().positive(),
  seconds: z.number().nonnegative(),
});
export type ClipRef = z.infer<typeof clipRef>;

/** Reads an object over HTTP without keys, until it expires. Whoever has it may read. */
export const objectLink = z.strictObject({
  url: z.string().max(8192).describe('GET gives the bytes'),
  expires: z.iso.datetime().describe('from then on the link is refused'),
});
export type ObjectLink = z.infer<typeof objectLink>;

/** The three tasks of VIMI's stage 2; text-to-video keeps retrieval on. */
export const task = z.enum(['text-to-video', 'subject-driven', 'prediction']);
export type Task = z.infer<typeof task>;

/**
 * VIMI's instructions, one a task. Where we could read them they are cut off ("Generate a video with the retrieved
 * text-image ..."): the ends, and the one for text without context, are our own.
 */
export const instructions = {
  'text-to-video': 'Generate a video with the text.',
  'text-to-video with context': 'Generate a video with the retrieved text-image pairs.',
  'subject-driven': 'Generate a video with the text and image subjects.',
  prediction: 'Generate a video with the text and first frame.',
} as const;

/** What an image in a prompt is for. `reference`: it came from the corpus. */
export const imageRole = z.enum(['reference', 'subject', 'background', 'first-frame']);
export type ImageRole = z.infer<typeof imageRole>;

const textPart = z.strictObject({ text: z.string() });
/** `entity`: the words that it stands for, which the texts beside it leave out. */
const promptImage = z.strictObject({ image: objectRef, role: imageRole, entity: z.string().optional() });
/** A clip that shows how something moves, with what it shows in words. */
const promptClip = z.strictObject({ clip: clipRef, caption: z.string(), role: z.literal('motion') });

/**
 * What a model is given: an instruction and interleaved text, images and clips, in reading order. Retrieved images come
 * first, each after its caption (VIMI, stage 1), then retrieved motion examples, then the user's own parts. Of
 * clips nano reads the path of the last one; `unread_parts` of a video's record names what a model was not given.
 */
export const prompt = z.strictObject({
  task,
  instruction: z.string(),
  parts: z.array(z.union([textPart, promptImage, promptClip])),
});
export type Prompt = z.infer<typeof prompt>;
export type PromptPart = Prompt['parts'][number];

/** One document of the context, as retrieved: what it was, and how well it fitted. */
export const contextEntry = z.looseObject({
  document: sha256,
  caption: z.string(),
  image: objectRef,
  /** It was retrieved as a motion example: this clip, of which `image` is a frame. Left out: as an image. */
  clip: clipRef.optional(),
  /** Reciprocal-rank-fusion score; comparable only within one retrieval. */
  score: z.number(),
  /**
   * Its place in each ranking that found it, from 1: among the captions that the prompt names, by words, by the
   * caption's embedding, by the image's; and among those that a reranker put in order. `pinned`: among those that the
   * request pinned, which no ranking found.
   */
  ranks: z.looseObject({
    pinned: z.number().int().optional(),
    named: z.number().int().optional(),
    lexical: z.number().int().optional(),
    dense: z.number().int().optional(),
    image: z.number().int().optional(),
    reranked: z.number().int().optional(),
  }),
});
export type ContextEntry = z.infer<typeof contextEntry>;

/** Which corpus a context was retrieved from, whatever the order in which it grew. */
export const corpusState = z.strictObject({
  /** Retrievable documents, images and clips. */
  documents: z.number().int().nonnegative(),
  /** XOR of the first 16 bytes of all their ids, hex. */
  digest: z.string().regex(/^[0-9a-f]{32}$/),
});
export type CorpusState = z.infer<typeof corpusState>;

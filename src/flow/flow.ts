import type { MadeCaption } from '../events/caption.js';
import type { ContextEntry, CorpusState, ObjectRef, Prompt, PromptPart, Task } from '../events/prompt.js';
import type { Candidates, GenerationRequested, MediaAdded, RetrievalFilter, SchemaName } from '../events/schemas.js';
import type { ProbedMedium } from '../media/probe-media.js';
import type { RgbVideo } from '../models/ports.js';
import type { NearDuplicate, SearchMode } from '../stores/corpus/corpus.js';

/**
 * What an envelope carries between steps. Each field is added by one kind of step and needed by others; an operator's
 * spec names both, so that a topology whose steps are in the wrong order is refused before it runs.
 */
export interface Flow {
  /** From the requests topic. */
  request?: GenerationRequested;
  /** A request that was checked and completed with defaults (admit). */
  job?: Job;
  /** From the media topic. */
  media?: MediaAdded;
  /** The media's bytes as a local file (fetch). */
  file?: MediaFile;
  /** Ids of documents that this medium made when it had another caption, source or licence (recognise). */
  replaces?: string[];
  /** What ffprobe says of the file (probe). */
  probe?: MediaProbe;
  /** One shot of a video, or a still (split). */
  clip?: Clip;
  /** All that captioners say of the clip; the first is the query (caption). */
  captions?: MadeCaption[];
  /** What the user, or the caption, says (admit, caption). */
  query?: Query;
  /** Of the query (embed). `joint`: the text compares with images, too. */
  embeddings?: { model: string; text: number[]; image?: number[]; joint?: boolean };
  /** What retrieval found: images, the pinned ones first, then motion examples, the entries that have a clip (retrieve). */
  context?: {
    entries: ContextEntry[];
    nearDuplicates: NearDuplicate[];
    corpus: CorpusState;
    /** The documents that the request pinned and excluded, and what it filtered by; left out: nothing. */
    asked?: AskedOfContext;
  };
  /** What the model reads (compose). */
  prompt?: Prompt;
  /** The finished frames (denoise). */
  frames?: {
    video: RgbVideo;
    fps: number;
    model: {
      name: string;
      weights?: string;
      backend: string;
      upsampler?: { name: string; weights: string };
      /** The model server that made it, and what it was asked. */
      server?: { url: string; dialect: string; asked?: Record<string, unknown> };
    };
    /** As it ran: request, step and model defaults resolved. */
    sampler: {
      name: string;
      steps: number;
      guidance: { text: number; image: number };
      oscillation?: { steady: number; low: number };
      guided?: { low: number; high: number };
      reuse?: number;
      motion_start?: number;
      seed: number;
    };
    /** The drafts that its seed was chosen from. */
    candidates?: Candidates;
    /** Of the prompt, that the model was not trained with; left out: not known. */
    unknownWords?: string[];
    /** Places of the prompt's parts that the model does not read; left out: it read all. */
    unreadParts?: number[];
    /** When its denoising began: ISO 8601. */
    started?: string;
    /** Of the generation alone; waiting for the model is not counted. */
    seconds: number;
  };
  /** What the sinks write (encode, shard). */
  product?: Product;
}

/** Flow with some fields sure to be there. */
export type Has<K extends keyof Flow> = Flow & { [P in K]-?: NonNullable<Flow[P]> };

export interface Job {
  /** Made of the request's source and id (events/ids.ts). */
  id: string;
  /** As its sender named it. */
  request: { source: string; id: string };
  /** Undefined: the model's own default. */
  frames?: number;
  width?: number;
  height?: number;
  fps?: number;
  steps?: number;
  guidance?: { text?: number; image?: number };
  /** 32-bit unsigned; from the event id when the request has none. */
  seed: number;
  /** Drafts to choose from; undefined: none. */
  candidates?: number;
  /** Drafts that the seed was chosen from before: of a video that is made again. */
  chosenFrom?: Candidates;
}

export interface MediaFile {
  path: string;
  size: number;
  sha256: string;
  /** Of the file that was hashed, so that a later step knows it again: device, inode, size, time of change. */
  identity: string;
  /** Text of the sidecar (same name, .txt), when there is one. */
  sidecar?: string;
  uri: string;
  /** media.source, else the uri. */
  source: string;
  licence: string;
}

/** Of the file's bytes alone. */
export type MediaProbe = ProbedMedium;

export interface Clip {
  kind: 'clip' | 'still';
  /** In the object store: MP4 for a clip, WebP for a still. Its name follows from its content. */
  object: ObjectRef;
  /** A clip's middle frame, or the still itself: WebP in the object store. */
  keyframe: ObjectRef;
  /** Seconds within the source. */
  start: number;
  duration: number;
  frames: number;
  fps: number;
  width: number;
  height: number;
  /** How much its frames change in a second: the sum of the mean absolute differences in grey, 1 being black to white. 0 for a still. */
  motion: number;
  /**
   * What was measured of it, by name: motion, sharpness, brightness, contrast, black, frozen and letterbox
   * (media/measures/clip-measures.ts), and what later steps add. Missing: nothing was measured.
   */
  scores?: Record<string, number>;
  /** 64-bit perceptual hash of the keyframe, 16 hex digits. */
  perceptual: string;
  /** The same of four frames spread over a clip, 64 hex digits (film-hash.ts). */
  film?: string;
  /** Of the keyframe; unit length. */
  imageEmbedding: number[];
}

/** Ids of documents that a request names. */
export interface AskedDocuments {
  pin?: string[];
  exclude?: string[];
}

/** What a request says of the documents of its context. */
export interface AskedOfContext extends AskedDocuments {
  /** It narrows what the step allows. */
  filter?: RetrievalFilter;
}

export interface Query {
  task: Task;
  /** In reading order. */
  parts: PromptPart[];
  /** The texts of the parts, joined by a space: what is searched for. */
  text: string;
  retrieval: ({ mode?: SearchMode; k?: number; motions?: number } & AskedOfContext) | false | undefined;
  /** What must not be its own context. */
  self: { source?: string; contentHash?: string; perceptual?: string };
}

/** Bytes for an object sink and the event that tells of them. */
export interface Product {
  body: Buffer | { file: string };
  mediaType: string;
  /** What is stored beside it. */
  beside?: Beside[];
  /** For the object's name: {job}, {shard}, ... */
  fields: Record<string, string>;
  schema: SchemaName;
  /** The event's data; a sink adds `object` once the bytes are stored. */
  data: Record<string, unknown>;
  /** The event's id: follows from the input, never random. */
  id: string;
}

/** Bytes that belong to a product and are stored under its name with another ending, such as `.idx`. */
export interface Beside {
  /** With `{digest}` in it: of these bytes, 16 hex digits. */
  ending: string;
  body: Buffer;
  mediaType: string;
  /** The field of the event that names it, once it is stored, and what that says besides. */
  named?: { field: string; more?: object };
}

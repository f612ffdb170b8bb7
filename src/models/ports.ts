import type { MadeCaption } from '../events/caption.js';
import type { ImageRole, Task } from '../events/prompt.js';
import type { RgbImage, RgbVideo } from '../media/pixels.js';
import type { MotionPath } from './encoders/built-in/motion-path.js';

export type { RgbImage, RgbVideo };

/** A composed prompt with its images decoded (transparent pixels laid on white). */
export interface ModelPrompt {
  task: Task;
  instruction: string;
  /** `entity`: the words that an image stands for, which the texts beside it leave out. */
  parts: ({ text: string } | { pixels: RgbImage; role: ImageRole; entity?: string })[];
  /** Clips that show a motion, as MP4; only for models that take them. */
  clips?: { mp4: Uint8Array; caption: string }[];
  /** Where what moves in the clip is that shows a motion, for models that follow one: see `path` of a description. */
  path?: MotionPath;
}

export interface GenerateInput {
  prompt: ModelPrompt;
  frames: number;
  width: number;
  height: number;
  fps: number;
  /** Sampler steps, 1 to 1,000. */
  steps: number;
  /** Classifier-free guidance weight of each modality; 1: none. */
  guidance: { text: number; image: number };
  /** Steps with the full guidance, and the weight `low` of every second step after them; left out: always the full one. */
  oscillation?: { steady: number; low: number };
  /** The noise levels between which there is guidance; left out: at all that the model is made for. */
  guided?: { low: number; high: number };
  /** Evaluations are left out that would change less than this, as a part of what is seen; left out: all are made. */
  reuse?: number;
  /**
   * Begins with this video in noise of `level` rather than with noise alone, at the first step that has no more noise than that. As many
   * frames, of the model's own size. Left out: noise alone.
   */
  start?: { video: RgbVideo; level: number };
  /**
   * Only a look ahead: it ends after so many of its steps and gives what the sampler sees by then, without the upsampler, so with fewer
   * frames and pixels. The video of the same input without `draft` goes on from there. Left out: the whole video.
   */
  draft?: number;
  /** 32-bit unsigned. The same seed, input, weights and backend give the same video, whatever it is batched with. */
  seed: number;
}

export interface ModelDescription {
  name: string;
  /** SHA-256 of the weights file; left out: its server does not state it, so nobody can promise the same video again. */
  weights?: string;
  backend: string;
  /** The model server that has it; left out: this machine. */
  server?: { url: string; dialect: string };
  /** Of all its networks. */
  parameters: number;
  /** What makes its videos larger and smoother, where something does. */
  upsampler?: { name: string; weights: string };
  /** The words of the prompts that it was trained with, as `words` (language/words.ts) reads them; left out: not known. */
  words?: string[];
  /** How it samples, as video records name it. */
  sampler: string;
  /** What the model makes when a request names no size. */
  defaults: {
    frames: number;
    width: number;
    height: number;
    fps: number;
    steps: number;
    guidance: { text: number; image: number };
  };
  /** `images`: that a request may bring. */
  limits: { frames: number; width: number; height: number; images: number };
  /** Pixels: width and height are multiples of it. */
  multiple: number;
  /** Frames are a multiple of `every`, and `plus`: 4k + 1, say. Left out: any number. */
  frameCounts?: { every: number; plus: number };
  /** What else than texts it takes; left out: images of all roles, and no clips. */
  takes?: { roles: readonly Exclude<ImageRole, 'reference'>[]; clips: number };
  /** Of the last clip of a prompt it reads the path of what moves, at so many moments; left out: it reads no clip so. */
  path?: number;
}

/** A video, and what it took. */
export interface Generated {
  video: RgbVideo;
  /**
   * Of work on this video: what it shared with others counts by its part, and waiting for them not at all. The seconds of all videos that
   * one process drew add up to the time in which it drew any.
   */
  seconds: number;
  /** How often something of its prompt was read for it, and how often it was known from another video; left out: not known. */
  readings?: { made: number; known: number };
  /** What a model server was asked, as video records name it: without the bytes of images. */
  asked?: Record<string, unknown>;
}

export interface GenerateCalls {
  signal: AbortSignal;
  /** After each sampler step. */
  onStep?(done: number, total: number): void;
  /** Before the `onStep` of some steps, at most twice a second: a frame of what the video looks like so far. A model may give none. */
  onPreview?(frame: RgbImage): void;
  /**
   * Its last step begins, or little is left of it: the model has room for the next job, which is thus there when this one is done. A model may leave it out.
   */
  onLast?(): void;
}

/** The network behind a process border. A crash is MODEL_CRASHED (retryable): the process is started again by itself. */
export interface Denoiser {
  describe(): Promise<ModelDescription>;
  /** Aborting `signal` ends it at the next step border with CANCELLED. */
  generate(input: GenerateInput, options: GenerateCalls): Promise<Generated>;
  /**
   * How many jobs it is to be given at once, now: further ones would wait inside of it, where nobody can overtake them. `asked` is what
   * its user says; left out, it is how many are worth it, which a model finds out between its steps when it is asked while it is at
   * a job. Left out by models that do not care: what was asked for, or 1.
   */
  atOnce?(asked?: number): number;
  /** Finds out now how many jobs at once are worth it, for whoever means to give it many; jobs that come meanwhile are drawn. */
  measure?(): void;
  close(): Promise<void>;
}

/** Which networks a step asks for. */
export interface ModelChoice {
  /** A preset, or the path of a weights file. */
  model: string;
  /** The same for a model that enlarges its videos. */
  upsampler?: string;
  /** The folder of a frozen language model. */
  encoder?: string;
}

/** The models of one pipeline: a process for each choice that its steps make. */
export interface Models {
  /** Throws INTERNAL for a choice that no step's spec makes (`models`). */
  of(choice: ModelChoice): Denoiser;
  all(): Denoiser[];
}

/**
 * Text and images as unit vectors; texts compare with texts, images with images. Deterministic. A promise where a net
 * computes it.
 */
export interface Embedder {
  /** Of everything that decides its vectors: those of another name do not compare with them. */
  readonly name: string;
  readonly dimensions: { text: number; image: number };
  /** Texts compare with images, too: both are in one space. Default false. */
  readonly joint?: boolean;
  text(text: string): number[] | Promise<number[]>;
  image(image: RgbImage): number[] | Promise<number[]>;
}

/** A net that reads a prompt and a caption together: the higher, the better they fit. Its numbers have no scale. */
export interface Reranker {
  /** Of everything that decides its scores. */
  readonly sha256: string;
  scores(text: string, captions: readonly string[]): Promise<number[]>;
  close(): Promise<void>;
}

/** What a captioner is shown. */
export interface Shown {
  image: { mediaType: string; bytes(): Promise<Uint8Array>; pixels(): Promise<RgbImage> };
  /** What others said of it before. */
  known: readonly MadeCaption[];
  /** Of a caption. */
  mostCharacters: number;
}

/** A model that says in words what an image shows. */
export interface Captioner {
  /** undefined: it has nothing to say. */
  caption(shown: Shown, signal: AbortSignal): Promise<MadeCaption | undefined>;
  close(): Promise<void>;
}

/** A net that gives an image, or its embedding, a score from 0 to 1. */
export interface ScoreNet {
  sees: 'image' | 'embedding';
  /** The name of the embedder that an embedding must come from; undefined: any with so many dimensions. */
  encoder: string | undefined;
  dimensions: number;
  score(seen: RgbImage | readonly number[]): Promise<number>;
  close(): Promise<void>;
}

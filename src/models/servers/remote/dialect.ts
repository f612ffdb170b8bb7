import type { GenerateInput, ModelDescription, RgbImage, RgbVideo } from '../../ports.js';
import type { ServerPrompt } from './prompt-words.js';

/** What a server has to be told of one video. */
export interface Wanted extends Omit<GenerateInput, 'prompt'> {
  prompt: ServerPrompt;
}

/** What a server says of one job. */
export interface ServerJob {
  id: string;
  state: 'queued' | 'in_progress' | 'completed' | 'failed' | 'cancelled';
  /** Share of the steps that are done, 0 to 1. */
  progress: number;
  /** Why it failed, and whether the server says that another try may succeed. */
  error?: { code: string; message: string; retryable: boolean };
  /** SHA-256 of the weights that it is made with, where the server states them. */
  weights?: string;
  /** Names the newest preview, where there is one. */
  preview?: string;
}

/** A request in a server's words: what is sent, and what the record of the video says of it. */
export interface Written {
  body: { type: string; bytes: Buffer };
  asked: Record<string, unknown>;
}

/** How one kind of model server is spoken to. Fails as `exchange`, and as `answerOf`. */
export interface Dialect {
  describe(signal?: AbortSignal): Promise<ModelDescription>;
  /** REQUEST_UNSUPPORTED for what it has no words for. */
  write(wanted: Wanted): Promise<Written>;
  /** Under one key a job is made once. */
  submit(written: Written, key: string): Promise<ServerJob>;
  /** undefined: the server knows no such job. */
  look(id: string, signal: AbortSignal): Promise<ServerJob | undefined>;
  cancel(id: string): Promise<void>;
  /** Of a job whose frames were read: the server need not keep them. */
  forget(id: string): Promise<void>;
  /** The newest preview of a job; undefined: there is none any more, or nothing that can be shown. Left out: the server has none. */
  preview?(id: string, signal: AbortSignal): Promise<RgbImage | undefined>;
  /** MODEL_ANSWER_INVALID where it is no video, or one of another size. undefined: the server knows no such job. */
  frames(
    id: string,
    wanted: Pick<RgbVideo, 'frames' | 'width' | 'height'>,
    signal: AbortSignal,
  ): Promise<RgbVideo | undefined>;
}

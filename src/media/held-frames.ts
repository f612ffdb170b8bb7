import { type FileHandle, open } from 'node:fs/promises';
import { frameBuffer, reuse } from './frame-buffers.js';

/** Bytes that are held in memory; some hundred frames of the default size. */
const mostInMemory = 48 << 20;

/**
 * Copies of the frames of the clip that is being cut: in memory as far as they fit, the others in a file. All of one size.
 * Their memory is one piece, of the same size for every film, so that it is used again whatever the size of the frames.
 */
export class HeldFrames {
  readonly #path: string;
  #memory: Uint8Array | undefined;
  #inMemory = 0;
  #file: FileHandle | undefined;
  #frameBytes = 0;
  count = 0;

  /** The file is made where it is needed, by whoever owns its folder. */
  constructor(path: string) {
    this.#path = path;
  }

  async add(frame: Uint8Array): Promise<void> {
    this.#frameBytes = frame.length;
    if ((this.count + 1) * frame.length <= mostInMemory) {
      this.#memory ??= frameBuffer(mostInMemory);
      this.#memory.set(frame, this.#inMemory++ * frame.length);
    } else {
      this.#file ??= await open(this.#path, 'w+');
      await this.#file.write(frame);
    }
    this.count++;
  }

  /** Frame n, until `close`. */
  async at(n: number): Promise<Uint8Array> {
    const bytes = this.#frameBytes;
    if (n < this.#inMemory) return this.#memory!.subarray(n * bytes, (n + 1) * bytes);
    const { buffer } = await this.#file!.read(new Uint8Array(bytes), 0, bytes, (n - this.#inMemory) * bytes);
    return buffer;
  }

  async *all(): AsyncGenerator<Uint8Array> {
    for (let n = 0; n < this.count; n++) yield this.at(n);
  }

  /** Its memory then holds other frames. */
  async close(): Promise<void> {
    if (this.#memory) reuse(this.#memory);
    this.#memory = undefined;
    await this.#file?.close();
  }
}

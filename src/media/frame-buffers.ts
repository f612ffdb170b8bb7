/*
 * Memory of frames is used again. A new buffer for each frame, of half a megabyte, makes V8 collect all garbage of the
 * process every few dozen frames, which took more processor time than to look at them.
 */

/** Bytes that are kept for the next film: four clips that are held, two of each of two films, and what passes by. */
const mostSpare = 208 << 20;

const spare = new Map<number, Uint8Array[]>();
let spareBytes = 0;

/** A buffer of so many bytes, whatever they are. */
export function frameBuffer(bytes: number): Uint8Array {
  const buffer = spare.get(bytes)?.pop();
  if (!buffer) return new Uint8Array(bytes);
  spareBytes -= bytes;
  return buffer;
}

/** Gives a buffer of `frameBuffer` back, which nobody looks at any more. */
export function reuse(buffer: Uint8Array): void {
  const bytes = buffer.length;
  // Films of another size went before.
  if (spareBytes + bytes > mostSpare) for (const size of [...spare.keys()]) if (size !== bytes) letGo(size);
  if (spareBytes + bytes > mostSpare) return;
  const alike = spare.get(bytes);
  if (alike) alike.push(buffer);
  else spare.set(bytes, [buffer]);
  spareBytes += bytes;
}

function letGo(size: number): void {
  spareBytes -= size * (spare.get(size)?.length ?? 0);
  spare.delete(size);
}

/**
 * Buffers of the frames that pass by: whoever reads them looks at the last `most` different ones alone, and older ones are
 * written over. Closed when nobody looks at any.
 */
export class PassingFrames {
  readonly #most: number;
  readonly #passed: Uint8Array[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  take(bytes: number): Uint8Array {
    return frameBuffer(bytes);
  }

  /** The same frames. One that is shown again and again counts once. */
  async *all(frames: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const frame of frames) {
      if (this.#passed.at(-1) !== frame) this.#passed.push(frame);
      if (this.#passed.length > this.#most) reuse(this.#passed.shift()!);
      yield frame;
    }
  }

  close(): void {
    for (const frame of this.#passed.splice(0)) reuse(frame);
  }
}

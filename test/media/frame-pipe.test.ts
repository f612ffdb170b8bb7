import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { framePipe } from '../../src/media/frame-pipe.js';

/** Buffers that are counted: each must be given to the reader or back. */
function counted(bytes: number) {
  const memory = { taken: 0, back: 0 };
  return {
    memory,
    take() {
      memory.taken++;
      return new Uint8Array(bytes);
    },
    giveBack() {
      memory.back++;
    },
  };
}

const written = (bytes: number) => Buffer.from(Array.from({ length: bytes }, (_, n) => (n * 7 + (n >> 8)) & 255));

describe('a pipe of frames', () => {
  // Smaller than what is read at once, and so large that each holds the writer up.
  for (const [size, count] of [
    [7, 5000],
    [57_600, 40],
    [1_500_000, 4],
  ] as const)
    it(`gives ${count} frames of ${size} bytes as they were written, to a slow reader too, and no part of one`, async () => {
      const memory = counted(size);
      const pipe = await framePipe(memory);
      const bytes = written(size * count + size - 1);
      pipe.far.end(bytes);
      const found: Uint8Array[] = [];
      for await (const frame of pipe.frames) {
        if (found.length < 5) await setImmediate();
        found.push(frame);
      }
      expect(found.length).toBe(count);
      expect(Buffer.concat(found).equals(bytes.subarray(0, size * count))).toBe(true);
      expect(memory.memory.taken).toBe(count + memory.memory.back);
    });

  it('holds the writer up when nobody reads, and gives all memory back when it is destroyed', async () => {
    const memory = counted(1_000_000);
    const pipe = await framePipe(memory);
    const isRead = new Promise((resolve) => pipe.onClose(resolve));
    pipe.far.on('error', () => {});
    pipe.far.write(written(8_000_000));
    await pipe.frames.next();
    for (let turn = 0; turn < 200; turn++) await setImmediate();
    // One that was read, one that waits, one or two that arrive.
    expect(memory.memory.taken).toBeLessThan(5);
    expect(pipe.far.writableLength).toBeGreaterThan(0);
    pipe.destroy();
    expect(await isRead).toBe(false);
    expect(memory.memory.back).toBe(memory.memory.taken - 1);
    pipe.far.destroy();
  });
});

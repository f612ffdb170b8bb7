import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unpackBlock } from '../../../../../../src/core/lz4-block.js';
import { unpack } from '../../../../../../src/streams/transports/kafka/protocol/codecs/unpack.js';
import { bombs, snappyBlock } from './bombs.js';
import { contents } from './contents.js';

const folder = join(import.meta.dirname, 'fixtures');
const codecs: Record<string, number> = { gz: 1, snappy: 2, lz4: 3, zst: 4 };
const damaged = { code: 'LOG_DAMAGED' };

interface Packed {
  name: string;
  codec: number;
  bytes: Buffer;
  content: Buffer;
}

function packed(name: string, bytes: Buffer): Packed {
  return { name, codec: codecs[name.split('.')[1]!]!, bytes, content: contents[name.split(/[-.]/)[0]!]! };
}

/** Made by other implementations. */
const all = readdirSync(folder)
  .filter((name) => name.split('.')[1]! in codecs)
  .map((name) => packed(name, readFileSync(join(folder, name))));
for (const name of ['text', 'noise']) all.push(packed(`${name}.gz`, gzipSync(contents[name]!)));

/** As `unpack`; undefined where it says that the bytes are damaged. */
async function tryUnpack(codec: number, bytes: Buffer): Promise<Buffer | undefined> {
  try {
    return await unpack(bytes, codec, 'topic/0/0', 1_000_000);
  } catch (error) {
    expect(error).toMatchObject(damaged);
    return undefined;
  }
}

describe('compressed records', () => {
  it('are there in all four codecs', () => {
    for (const codec of Object.values(codecs))
      expect(all.filter((one) => one.codec === codec).length).toBeGreaterThan(1);
  });

  it.each(all)('are unpacked as they were: $name', async ({ codec, bytes, content }) => {
    expect((await unpack(bytes, codec, 'topic/0/0')).equals(content)).toBe(true);
  });

  it.each(all)('are unpacked up to the limit and no further: $name', async ({ codec, bytes, content }) => {
    expect(await unpack(bytes, codec, 'topic/0/0', content.length)).toHaveLength(content.length);
    await expect(unpack(bytes, codec, 'topic/0/0', content.length - 1)).rejects.toMatchObject({
      ...damaged,
      where: 'topic/0/0',
    });
  });

  it('in LZ4 repeat nothing from before their beginning', () => {
    // One byte, then the four that begin `back` bytes before; a last sequence without literals.
    const repeating = (back: number, floor = 0) =>
      unpackBlock(Uint8Array.of(0x10, 97, back, 0, 0), { out: new Uint8Array(20), at: floor, end: 20, floor });
    expect(repeating(1)).toBe(5);
    expect(() => repeating(2)).toThrow('damaged');
    expect(() => repeating(2, 8)).toThrow('damaged');
  });

  it('that end too early are damaged', async () => {
    // Of two frames, the first one is whole.
    const whole = all.filter(({ name }) => !name.includes('several'));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...whole), fc.double({ min: 0, max: 1, noNaN: true }), async (one, part) => {
        const some = one.bytes.subarray(0, Math.min(one.bytes.length - 1, Math.floor(one.bytes.length * part)));
        expect(await tryUnpack(one.codec, some)).toBeUndefined();
      }),
    );
  });

  it('with a checksum are whole, or damaged', async () => {
    const checked = all.filter(({ name }) => name.includes('checked') || name.endsWith('.gz'));
    expect(checked.length).toBeGreaterThan(3);
    const flip = fc.record({
      part: fc.double({ min: 0, max: 0.999, noNaN: true }),
      bits: fc.integer({ min: 1, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...checked), flip, async ({ codec, bytes, content }, { part, bits }) => {
        const flipped = Buffer.from(bytes);
        flipped[Math.floor(bytes.length * part)]! ^= bits;
        const got = await tryUnpack(codec, flipped);
        if (got) expect(got.equals(content)).toBe(true);
      }),
    );
  });

  it('that are damaged anywhere are an error or other bytes, but nothing worse', async () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...all), damage, async ({ codec, bytes }, changes) => {
        const changed = Buffer.from(bytes);
        // Mostly near the start, where the headers are.
        for (const [at, byte] of changes) changed[at % (byte % 2 ? 40 : bytes.length)] = byte;
        expect((await tryUnpack(codec, changed))?.length ?? 0).toBeLessThanOrEqual(1_000_000);
      }),
      { numRuns: 300 },
    );
    // And the same decoders still do their work.
    for (const { codec, bytes, content } of all) expect((await unpack(bytes, codec, ''))?.equals(content)).toBe(true);
  });

  it('that are anything at all are an error', async () => {
    const codec = fc.constantFrom(...Object.values(codecs));
    await fc.assert(
      fc.asyncProperty(codec, fc.uint8Array({ maxLength: 200 }), async (number, some) => {
        const got = await tryUnpack(number, Buffer.from(some));
        // Snappy has no mark: a few bytes may be a block by chance.
        if (number !== codecs.snappy) expect(got).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it('that would unpack to a gigabyte are refused while that is found out', async () => {
    const before = process.resourceUsage().maxRSS;
    const limit = 16 * 2 ** 20;
    for (const { codec, bytes } of bombs(2 ** 30))
      await expect(unpack(bytes, codec, 'topic/0/0', limit)).rejects.toMatchObject(damaged);
    const grownBy = (process.resourceUsage().maxRSS - before) * 1024;
    expect(grownBy).toBeLessThan(300 * 2 ** 20);
  });

  it('that make much of little are unpacked where they may be', async () => {
    const size = 4 * 2 ** 20;
    const honest = [...bombs(size)].filter(({ name }) => !name.includes('tells'));
    expect(new Set(honest.map(({ codec }) => codec)).size).toBe(4);
    for (const { codec, bytes, name } of honest)
      expect((await unpack(bytes, codec, 'topic/0/0')).equals(Buffer.alloc(size)), name).toBe(true);
  });

  it('in snappy are as long as they tell', async () => {
    expect(await tryUnpack(2, snappyBlock(640, 640))).toHaveLength(640);
    for (const told of [0, 1, 576, 639, 641, 704, 1_200])
      expect(await tryUnpack(2, snappyBlock(told, 640))).toBeUndefined();
  });

  it('in a codec that Kafka does not have are an error that says so', async () => {
    for (const codec of [5, 6, 7])
      await expect(unpack(Buffer.alloc(9), codec, 'topic/0/0')).rejects.toMatchObject({
        code: 'COMPRESSION_UNKNOWN',
        found: `codec ${codec}`,
        where: 'topic/0/0',
      });
  });
});

import { existsSync } from 'node:fs';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHalf, toHalf } from '../../../src/models/numerics/half.js';
import {
  checkWeights,
  parseWeights,
  readWeights,
  serializeWeights,
  writeWeights,
} from '../../../src/models/weights/safetensors.js';
import { atEachSync } from '../../stores/syncs.js';

const tensors = new Map([
  ['b', { shape: [2, 3], values: Float32Array.of(1, -2, 0.5, 0, 65504, -0.25) }],
  ['a', { shape: [], values: Float32Array.of(3) }],
  ['empty', { shape: [0, 4], values: new Float32Array() }],
]);
const specs = [...tensors].map(([name, { shape }]) => ({ name, shape, start: 0 }));

describe('half precision', () => {
  test('every half but NaN survives both ways', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((h) => (h & 0x7fff) <= 0x7c00);
    expect(toHalf(fromHalf(all))).toEqual(all);
  });

  test('rounds to the nearest, ties to even', () => {
    fc.assert(
      fc.property(fc.double({ min: -65504, max: 65504, noNaN: true }), (x) => {
        const single = Math.fround(x);
        const [h] = toHalf([single]);
        const [back, below, above] = fromHalf(Uint16Array.of(h!, h! - 1, h! + 1));
        const error = Math.abs(back! - single);
        for (const other of [below!, above!])
          if (Number.isFinite(other)) expect(Math.abs(other - single)).toBeGreaterThanOrEqual(error);
      }),
    );
    // Half-way between two halves: the even one.
    expect([...fromHalf(toHalf([1 + 1 / 2048, 1 + 3 / 2048]))]).toEqual([1, 1 + 4 / 2048]);
    expect([...toHalf([65520, Number.NaN, -Infinity])]).toEqual([0x7c00, 0x7e00, 0xfc00]);
  });
});

describe('weights', () => {
  test('come back as they went, in full and half precision', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vimi-'));
    for (const dtype of ['F32', 'F16'] as const) {
      const path = join(folder, `${dtype}.safetensors`);
      const sum = await writeWeights(path, tensors, { dtype, metadata: { preset: 'nano', note: 'ä' } });
      const back = await readWeights(path);
      expect(back.sha256).toBe(sum);
      expect(back.metadata).toEqual({ preset: 'nano', note: 'ä' });
      expect(back.tensors).toEqual(tensors);
      checkWeights(back, specs, path);
    }
    expect((await readdir(folder)).sort()).toEqual(['F16.safetensors', 'F32.safetensors']);
  });

  test('are laid out as safetensors says: length, JSON, numbers from an eighth byte on', async () => {
    const bytes = serializeWeights(tensors, { dtype: 'F32' });
    const length = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
    expect(length % 8).toBe(0);
    expect(header.a).toEqual({ dtype: 'F32', shape: [], data_offsets: [0, 4] });
    expect(bytes.readFloatLE(8 + length + header.b.data_offsets[0])).toBe(1);
  });

  test('of every type that is read are the numbers that their bits say', () => {
    const described = {
      brain: { dtype: 'BF16', shape: [5], data_offsets: [0, 10] },
      half: { dtype: 'F16', shape: [2, 2], data_offsets: [10, 18] },
      single: { dtype: 'F32', shape: [1], data_offsets: [18, 22] },
    };
    const text = Buffer.from(JSON.stringify(described));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    // Little endian. 1, -2.5, 3.140625, the smallest that is not 0, infinity; 1, -2, 65504, 2^-24; -0.15625.
    const numbers = Buffer.from('803f20c049400100807f003c00c0ff7b0100000020be', 'hex');
    const { tensors } = parseWeights(Buffer.concat([length, text, numbers]), 'x');
    expect([...tensors.get('brain')!.values]).toEqual([1, -2.5, 3.140625, 2 ** -133, Number.POSITIVE_INFINITY]);
    expect(tensors.get('half')).toEqual({ shape: [2, 2], values: Float32Array.of(1, -2, 65504, 2 ** -24) });
    expect([...tensors.get('single')!.values]).toEqual([-0.15625]);
  });

  test('a missing file is WEIGHTS_NOT_FOUND', async () => {
    await expect(readWeights('/nowhere/at.all')).rejects.toMatchObject({
      code: 'WEIGHTS_NOT_FOUND',
      where: '/nowhere/at.all',
    });
  });

  const lies: [string, (header: Record<string, Record<string, unknown>>) => unknown][] = [
    ['a type it does not know', (h) => Object.assign(h.b!, { dtype: 'F64' })],
    ['no type', (h) => delete h.b!.dtype],
    ['a shape that is larger than its bytes', (h) => Object.assign(h.b!, { shape: [2, 4] })],
    ['a negative dimension', (h) => Object.assign(h.b!, { shape: [-2, -3] })],
    ['a fraction as dimension', (h) => Object.assign(h.b!, { shape: [1.5, 4] })],
    ['an endless shape', (h) => Object.assign(h.b!, { shape: [2 ** 40, 2 ** 40] })],
    ['offsets beyond the end', (h) => Object.assign(h.b!, { data_offsets: [400, 424] })],
    ['offsets the wrong way round', (h) => Object.assign(h.b!, { data_offsets: [28, 4] })],
    ['offsets that overlap', (h) => Object.assign(h.b!, { data_offsets: [0, 24] })],
    ['three offsets', (h) => Object.assign(h.b!, { data_offsets: [4, 28, 30] })],
    ['a tensor left out', (h) => delete h.b],
    ['a tensor that is a number', (h) => Object.assign(h, { b: 3 })],
    ['metadata that are not text', (h) => Object.assign(h, { __metadata__: { step: 3 } })],
  ];
  test.each(lies)('a header with %s is WEIGHTS_DAMAGED', (_, lie) => {
    const bytes = serializeWeights(tensors, { dtype: 'F32' });
    const length = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
    lie(header);
    const text = Buffer.from(JSON.stringify(header));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(text.length));
    const lying = Buffer.concat([size, text, bytes.subarray(8 + length)]);
    expect(() => parseWeights(lying, 'x')).toThrow(expect.objectContaining({ code: 'WEIGHTS_DAMAGED' }));
  });

  test('a header of more than 16 MiB is not read', () => {
    const padded = (length: number) => {
      const bytes = Buffer.alloc(8 + length, ' ');
      bytes.writeBigUInt64LE(BigInt(length), 0);
      bytes.write('{}', 8);
      return bytes;
    };
    const most = 16 * 1024 ** 2;
    expect(parseWeights(padded(most), 'x').tensors.size).toBe(0);
    expect(() => parseWeights(padded(most + 1), 'x')).toThrow(/header does not fit/);
  });

  test('cut anywhere, or with bytes after the end, they are WEIGHTS_DAMAGED', () => {
    const bytes = serializeWeights(tensors);
    for (let n = 0; n < bytes.length; n++)
      expect(() => parseWeights(bytes.subarray(0, n), 'x')).toThrow(
        expect.objectContaining({ code: 'WEIGHTS_DAMAGED' }),
      );
    expect(() => parseWeights(Buffer.concat([bytes, Buffer.alloc(1)]), 'x')).toThrow(/left over/);
  });

  test('any bytes are weights or WEIGHTS_DAMAGED, nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 300 }), (noise, length) => {
        const bytes = Buffer.concat([Buffer.alloc(8), noise]);
        bytes.writeBigUInt64LE(BigInt(length));
        try {
          parseWeights(bytes, 'x');
        } catch (error) {
          expect(error).toMatchObject({ code: 'WEIGHTS_DAMAGED' });
        }
      }),
    );
  });

  test('a model takes only its own parameters, all of them, finite', () => {
    const file = { tensors };
    const wrong = { code: 'WEIGHTS_DAMAGED' };
    const refused = (act: () => void) => expect(act).toThrow(expect.objectContaining(wrong));
    refused(() => checkWeights(file, [...specs, { name: 'more', shape: [1], start: 0 }], 'x'));
    refused(() => checkWeights(file, specs.slice(1), 'x'));
    refused(() =>
      checkWeights(
        file,
        specs.map((s) => (s.name === 'b' ? { ...s, shape: [3, 2] } : s)),
        'x',
      ),
    );
    const sick = new Map([...tensors, ['a', { shape: [], values: Float32Array.of(Number.NaN) }] as const]);
    refused(() => checkWeights({ tensors: sick }, specs, 'x'));
  });

  test('are on the disk before they have their name [safety S15]', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'vimi-weights-')), 'a.safetensors');
    const isThere = async () => existsSync(path);
    expect(await atEachSync(() => writeWeights(path, tensors), isThere)).toEqual([false]);
    expect(existsSync(path)).toBe(true);
  });

  test('the same tensors give the same bytes, whatever their order', async () => {
    const reversed = new Map([...tensors].reverse());
    expect(serializeWeights(tensors).equals(serializeWeights(reversed))).toBe(true);
  });
});

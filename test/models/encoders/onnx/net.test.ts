import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { optionalPackage } from '../../../../src/core/optional-package.js';
import { openNet } from '../../../../src/models/encoders/onnx/net.js';

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name);
const place = mkdtempSync(join(tmpdir(), 'vimi-net-'));
afterAll(() => rmSync(place, { recursive: true }));

describe('a net out of an ONNX file', () => {
  let net: Awaited<ReturnType<typeof openNet>>;
  beforeAll(async () => {
    net = await openNet(fixture('video.onnx'));
  });
  afterAll(() => net.close());

  test('says what it takes and gives', () => {
    expect(net.inputs).toEqual([{ name: 'video', type: 'float32', shape: ['N', 3, 4, 6, 8] }]);
    expect(net.outputs).toEqual([{ name: 'features', type: 'float32', shape: ['N', 8] }]);
  });

  test('gives what onnxruntime gives in Python (fixtures/make.py), each row by itself', async () => {
    const one = Float32Array.from({ length: 576 }, (_, i) => i % 11);
    const values = new Float32Array(2 * 576);
    values.set(one, 576);
    const { features } = await net.run({ video: { values, shape: [2, 3, 4, 6, 8] } });
    expect(features!.shape).toEqual([2, 8]);
    expect([...features!.values.subarray(0, 8)]).toEqual(Array(8).fill(0));
    const python = [-7.8958335, 0.1458329, 7.7986097, 4.7569442, 1.2291673, -1.375, -4.6597219, -7.8958335];
    for (const [i, v] of python.entries()) expect(features!.values[8 + i]).toBeCloseTo(v, 5);
  });

  test.each([
    ['another size', { video: { values: new Float32Array(3 * 4 * 6 * 9), shape: [1, 3, 4, 6, 9] } }],
    ['too few numbers', { video: { values: new Float32Array(5), shape: [1, 3, 4, 6, 8] } }],
    ['too few sides', { video: { values: new Float32Array(576), shape: [576] } }],
    ['nothing', {}],
  ])('refuses %s', async (_, inputs) => {
    await expect(net.run(inputs)).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
  });

  test('numbers that are not finite are never passed on', async () => {
    const values = new Float32Array(576).fill(Number.NaN);
    await expect(net.run({ video: { values, shape: [1, 3, 4, 6, 8] } })).rejects.toMatchObject({
      code: 'WEIGHTS_DAMAGED',
    });
  });
});

describe('a file that is no net', () => {
  const cut = join(place, 'cut.onnx');
  copyFileSync(fixture('video.onnx'), cut);
  truncateSync(cut, 300);
  const noise = join(place, 'noise.onnx');
  writeFileSync(noise, Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * i * 31) % 251)));
  const huge = join(place, 'huge.onnx');
  writeFileSync(huge, '');
  truncateSync(huge, 2 ** 31); // it has no bytes on the disk
  const pipe = join(place, 'pipe.onnx');
  spawnSync('mkfifo', [pipe]);

  test.each([
    ['a cut one', cut, 'WEIGHTS_DAMAGED'],
    ['noise', noise, 'WEIGHTS_DAMAGED'],
    ['one that is too large', huge, 'WEIGHTS_DAMAGED'],
    ['one whose weights lie in a file beside it', fixture('outside.onnx'), 'WEIGHTS_DAMAGED'],
    ['none', join(place, 'none.onnx'), 'WEIGHTS_NOT_FOUND'],
    ['a folder', place, 'WEIGHTS_NOT_FOUND'],
    ['a pipe that nobody writes to', pipe, 'WEIGHTS_NOT_FOUND'],
  ])('%s', async (_, file, code) => {
    await expect(openNet(file)).rejects.toMatchObject({ code, where: file });
  });

  test('the weights beside it are not read even when they are there', async () => {
    const file = join(place, 'outside.onnx');
    writeFileSync(file, readFileSync(fixture('outside.onnx')));
    writeFileSync(join(place, 'outside.data'), new Uint8Array(4096));
    await expect(openNet(file)).rejects.toMatchObject({ code: 'WEIGHTS_DAMAGED' });
  });
});

test('without its package the error says what to install', async () => {
  const missing = optionalPackage('onnxruntime-web', () => import('vimi-has-no-such-package' as string));
  await expect(missing).rejects.toMatchObject({
    code: 'PACKAGE_NOT_INSTALLED',
    expected: expect.stringMatching(/^npm install onnxruntime-web@\d/),
  });
});

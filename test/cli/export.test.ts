import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { exportTo } from '../../src/cli/commands/export.js';
import { openNet } from '../../src/models/encoders/onnx/net.js';
import { parseWeights } from '../../src/models/weights/safetensors.js';
import { printed } from './printed.js';

interface Port {
  name: string;
  shape: number[];
  what: string;
  range: string;
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vimi-export-'));
  await exportTo('nano', folder, printed());
});

test('what is written is what the manifest says, each input and output explained', async () => {
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
  expect(Object.keys(manifest.networks)).toEqual(['prompt', 'denoise']);
  for (const { file, sha256, inputs, outputs } of Object.values<Record<string, never>>(manifest.networks)) {
    const bytes = await readFile(join(folder, file!));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
    for (const { what, range } of [...(inputs as unknown as Port[]), ...(outputs as unknown as Port[])])
      expect(what && range).toBeTruthy();
  }
  expect(new Set(await readdir(folder))).toEqual(
    new Set(
      ['prompt.onnx', 'denoise.onnx', 'prompt.example.safetensors', 'denoise.example.safetensors'].concat([
        ...['manifest.json', 'words.json', 'card.json', 'README.md'],
      ]),
    ),
  );
  const words = JSON.parse(await readFile(join(folder, 'words.json'), 'utf8'));
  expect(words.fox.every((row: number) => row > 0 && row < 2048)).toBe(true);
});

test.each(['prompt', 'denoise'])('%s.onnx gives in onnxruntime what its example says', async (name) => {
  const example = parseWeights(await readFile(join(folder, `${name}.example.safetensors`)), name).tensors;
  const net = await openNet(join(folder, `${name}.onnx`));
  const made = await net.run(Object.fromEntries(net.inputs.map((port) => [port.name, example.get(port.name)!])));
  await net.close();
  for (const [output, { values, shape }] of Object.entries(made)) {
    const there = example.get(output)!;
    expect(shape).toEqual(there.shape);
    const scale = Math.max(...there.values.map(Math.abs), 1e-6);
    for (const [i, v] of values.entries()) expect(Math.abs(v - there.values[i]!)).toBeLessThan(1e-3 * scale);
  }
});

test('what cannot be exported or written says why', async () => {
  const to = printed();
  await expect(exportTo('fake', folder, to)).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
  await expect(exportTo('./none.safetensors', folder, to)).rejects.toMatchObject({ code: 'WEIGHTS_NOT_FOUND' });
  const file = join(folder, 'a-file');
  await writeFile(file, '');
  await expect(exportTo('nano', file, to)).rejects.toMatchObject({ code: 'FILE_UNUSABLE', where: file });
});

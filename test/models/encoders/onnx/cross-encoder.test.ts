import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openCrossEncoder } from '../../../../src/models/encoders/onnx/cross-encoder.js';

const fixtures = join(import.meta.dirname, 'fixtures');
const place = mkdtempSync(join(tmpdir(), 'vimi-cross-'));
afterAll(() => rmSync(place, { recursive: true }));

test('scores a prompt and each caption together: of this net the words that both have', async () => {
  const reranker = await openCrossEncoder(join(fixtures, 'cross'));
  const scores = await reranker.scores('a dog', ['a car', 'a dog', 'puppy', 'dog dog a', 'a car']);
  expect(scores).toEqual([1, 2, 0, 3, 1]);
  expect(await reranker.scores('a dog', [])).toEqual([]);
  expect(reranker.sha256).toMatch(/^[0-9a-f]{64}$/);
  await reranker.close();
});

test('of a pair that is too long the end of the longer text is left out', async () => {
  const reranker = await openCrossEncoder(join(fixtures, 'cross'));
  // Eight tokens with [CLS] and two [SEP]: what the prompt says is kept.
  const [score] = await reranker.scores('a dog', ['a dog moves '.repeat(2000)]);
  expect(score).toBeGreaterThanOrEqual(2);
  await reranker.close();
});

const folder = (name: string, change: (copy: string) => void) => {
  const copy = join(place, name);
  cpSync(join(fixtures, 'cross'), copy, { recursive: true });
  change(copy);
  return copy;
};
test.each<[string, (copy: string) => void, string]>([
  ['no config', (copy) => rmSync(join(copy, 'config.json')), 'WEIGHTS_NOT_FOUND'],
  ['no net', (copy) => rmSync(join(copy, 'model.onnx')), 'WEIGHTS_NOT_FOUND'],
  ['a config of nothing', (copy) => writeFileSync(join(copy, 'config.json'), '{}'), 'WEIGHTS_DAMAGED'],
  [
    'a net of pictures',
    (copy) => writeFileSync(join(copy, 'model.onnx'), readFileSync(join(fixtures, 'picture.onnx'))),
    'WEIGHTS_DAMAGED',
  ],
])('%s', async (name, change, code) => {
  await expect(openCrossEncoder(folder(name, change))).rejects.toMatchObject({ code });
});

test('a net that gives a vector for each token is none', async () => {
  const net = join(fixtures, 'encoder', 'model.onnx');
  const reranker = await openCrossEncoder(folder('vectors', (copy) => cpSync(net, join(copy, 'model.onnx'))));
  await expect(reranker.scores('a dog', ['a car'])).rejects.toMatchObject({ code: 'WEIGHTS_DAMAGED' });
  await reranker.close();
});

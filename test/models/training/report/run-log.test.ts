import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RunLog } from '../../../../src/models/training/report/run-log.js';

const folder = () => mkdtemp(join(tmpdir(), 'vimi-'));
const text = (out: string) => readFile(join(out, 'log.jsonl'), 'utf8');

test('what was written up to the checkpoint stays, to the letter; the rest and what is torn comes again', async () => {
  const out = await folder();
  const lines = [
    '{"step":1,"stage":0,"loss":0.50,"more":"kept"}',
    '{"step":2,"stage":0,"loss":null}',
    '{"step":2,"probes":[{"sigma":1,"right":0.1,"wrongWay":null}]}',
    'no line of ours',
    '{"step":3,"stage":0,"loss":0.4}',
    '{"step":2,"sta',
  ];
  await writeFile(join(out, 'log.jsonl'), lines.join('\n'));
  const log = await RunLog.open(out, 2);
  expect(await text(out)).toBe(`${lines.slice(0, 3).join('\n')}\n`);
  expect(log.steps.map(({ step, loss }) => [step, loss])).toEqual([
    [1, 0.5],
    [2, null],
  ]);
  expect(log.probes).toEqual([{ step: 2, probes: [{ sigma: 1, right: 0.1, wrongWay: null }] }]);
});

test('a line that is written is remembered as it will be read', async () => {
  const out = await folder();
  const log = await RunLog.open(out, 0);
  expect(log.steps).toEqual([]);
  await log.append({ step: 1, stage: 0, loss: Number.NaN });
  await log.append({ step: 1, probes: [{ sigma: 1, right: Number.NaN }] });
  const again = await RunLog.open(out, 1);
  expect([log.steps, log.probes]).toEqual([again.steps, again.probes]);
  expect(log.steps).toEqual([{ step: 1, stage: 0, loss: null }]);
});

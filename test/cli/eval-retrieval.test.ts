import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Workspace } from '../../src/app/workspace.js';
import { evalRetrieval } from '../../src/cli/commands/eval-retrieval.js';
import { encodeEvent } from '../../src/events/cloudevents.js';
import { quietLog } from '../operators/run-operator.js';
import { corpusDocument } from '../stores/corpus/corpus-documents.js';

const root = join(import.meta.dirname, '../..');
let folder: string;
let workspace: Workspace;
const write = (name: string, lines: object[]) => {
  writeFileSync(join(folder, name), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return join(folder, name);
};
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-eval-retrieval-'));
  cpSync(join(root, 'test/models/encoders/onnx/fixtures/cross'), join(folder, 'cross'), { recursive: true });
  const text = readFileSync(join(root, 'topology.yaml'), 'utf8');
  writeFileSync(
    join(folder, 'topology.yaml'),
    text.replace('search: { type: embedded, path: .vimi/index }', 'search: { type: embedded, reranker: cross }'),
  );
  workspace = await Workspace.open({ topology: join(folder, 'topology.yaml'), log: quietLog });
});
afterAll(async () => {
  await workspace?.close();
  rmSync(folder, { recursive: true, force: true });
});

it('measures each stage on labelled prompts, the profile’s reranker among them', async () => {
  const captions = write('captions.jsonl', [
    { caption: 'a red fox' },
    { caption: 'a dog' },
    { caption: 'a fire truck' },
    { caption: 'a submarine' },
  ]);
  const labels = write('labels.jsonl', [
    { prompt: 'a fox beside a dog', fits: ['a red fox', 'a dog'] },
    { prompt: 'a fire', fits: [], misfits: ['a fire truck'] },
  ]);
  const options = { captions: [captions], pipeline: 'generate', k: [3, 1], out: join(folder, 'out') };
  const out = new PassThrough().resume();
  await evalRetrieval(workspace, [labels], { ...options, signal: new AbortController().signal }, out);
  const { tables, records } = JSON.parse(readFileSync(join(folder, 'out/retrieval.json'), 'utf8'));
  const [found, takes] = tables;
  expect(found.columns.slice(0, 3)).toEqual(['retrieval', 'recall@1', 'recall@3']);
  const row = (name: string) => found.rows.find(([way]: [string]) => way === name);
  expect(takes.rows.map(([way]: [string]) => way)).toEqual([
    'lexical: BM25',
    'dense: embeddings',
    'hybrid: both, fused',
    '+ names first',
    '+ only what is named',
    '+ entities',
    '+ reranker',
    '+ diversity 0.3',
    'as configured',
  ]);
  // BM25 alone takes a fire truck for a fire; what is only mentioned is no name.
  const misfits = found.columns.indexOf('misfits');
  expect(row('lexical: BM25')[misfits].share.mean).toBeGreaterThan(0);
  expect(row('as configured')[misfits].share.mean).toBe(0);
  expect(row('as configured')[2].share.mean).toBe(1);
  const rerank = takes.columns.indexOf('rerank, ms');
  expect(takes.rows.at(-1)[rerank]).toBeGreaterThan(0);
  expect(takes.rows[0][rerank]).toBe(0);
  expect(records).toHaveLength(18);
});

it('says what is wrong with its labels, and that a pipeline retrieves nothing', async () => {
  const options = { captions: [], pipeline: 'generate', k: [1], out: folder, signal: new AbortController().signal };
  const out = new PassThrough().resume();
  await expect(evalRetrieval(workspace, [write('none.jsonl', [])], options, out)).rejects.toMatchObject({
    code: 'LABELS_INVALID',
  });
});

it('finds a label once, however many documents it names, and reports labels that name none', async () => {
  const fox = (n: number) => ({ ...corpusDocument('a red fox'), id: `${n}`.padStart(64, '0') });
  const transport = await workspace.transport();
  await transport.publish(
    [fox(1), fox(2), fox(3)].map((data) =>
      encodeEvent({ schema: 'corpus.document', id: data.id, source: 'test', data, topic: 'corpus', key: data.id }),
    ),
  );
  const labels = [
    write('one.jsonl', [{ prompt: 'a fox', fits: ['a red fox', fox(2).id] }]),
    write('other.jsonl', [{ prompt: 'a fox', fits: ['a purple fox'] }]),
  ];
  const out = new PassThrough();
  let text = '';
  out.on('data', (more) => {
    text += more;
  });
  const options = { captions: [], pipeline: 'generate', k: [3], out: join(folder, 'twice') };
  await evalRetrieval(workspace, labels, { ...options, signal: new AbortController().signal }, out);
  const { tables, notes } = JSON.parse(readFileSync(join(folder, 'twice/retrieval.json'), 'utf8'));
  for (const [way, recall] of tables[0].rows) expect([way, recall.share.mean]).toEqual([way, 0.5]);
  expect(notes.join('\n')).toContain("1 label names nothing that this corpus has ('a purple fox')");
  expect(text).toContain('1 labelled prompts, 3 documents');
});

it('says that no document has an allowed licence; captions have none, so there the limit does not count', async () => {
  const set = ['segments.ground.retrieve.licences=[CC-BY]', 'segments.ground.retrieve.scores={ safety: { max: 0.1 } }'];
  const other = await Workspace.open({ topology: join(folder, 'topology.yaml'), log: quietLog, set });
  const labels = [write('fox.jsonl', [{ prompt: 'a fox', fits: ['a red fox'] }])];
  const options = { pipeline: 'generate', k: [3], out: join(folder, 'licences'), signal: new AbortController().signal };
  const result = async (captions: string[]) => {
    await evalRetrieval(other, labels, { ...options, captions }, new PassThrough().resume());
    const { tables, notes } = JSON.parse(readFileSync(join(folder, 'licences/retrieval.json'), 'utf8'));
    return { recall: tables[0].rows.at(-1)[1].share.mean, notes: notes.join('\n') };
  };
  try {
    const why = 'no document has a licence that the step retrieve allows (CC-BY)';
    expect(await result([])).toEqual({ recall: 0, notes: expect.stringContaining(why) });
    const captions = [write('one-fox.jsonl', [{ caption: 'a red fox' }])];
    expect(await result(captions)).toEqual({ recall: 1, notes: expect.not.stringContaining('licence') });
  } finally {
    await other.close();
  }
});

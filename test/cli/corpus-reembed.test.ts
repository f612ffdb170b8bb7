import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import sharp from 'sharp';
import { afterAll, expect, it } from 'vitest';
import { Workspace } from '../../src/app/workspace.js';
import { corpusReembed } from '../../src/cli/commands/corpus-reembed.js';
import { corpusSearch } from '../../src/cli/commands/corpus-search.js';
import { encodeEvent } from '../../src/events/cloudevents.js';
import { quietLog } from '../operators/run-operator.js';
import { corpusDocument, embedder } from '../stores/corpus/corpus-documents.js';

const fixtures = join(import.meta.dirname, '../models/encoders/onnx/fixtures');
const folder = mkdtempSync(join(tmpdir(), 'vimi-reembed-'));
const opened: Workspace[] = [];
afterAll(async () => {
  for (const workspace of opened) await workspace.close();
  rmSync(folder, { recursive: true, force: true });
});

async function workspaceWith(encoder: string | null): Promise<Workspace> {
  const file = join(folder, `${encoder}.yaml`);
  const named = encoder ? `, encoder: ${join(fixtures, encoder)}` : '';
  writeFileSync(
    file,
    `profiles: { embedded: { transport: { type: embedded, path: log }, objects: { type: files, path: objects }, search: { type: embedded, path: index${named} } } }
topics: { media: { schema: media.added }, corpus: { schema: corpus.document, cleanup: compact }, rejects: { schema: event.rejected } }
pipelines: { corpus: { from: media, steps: [fetch, probe, split, caption, embed, index], to: [] } }
`,
  );
  const workspace = await Workspace.open({ topology: file, log: quietLog });
  opened.push(workspace);
  return workspace;
}

async function publish(workspace: Workspace, caption: string, colour: { r: number; g: number; b: number }) {
  const webp = await sharp({ create: { width: 16, height: 16, channels: 3, background: colour } })
    .webp({ lossless: true })
    .toBuffer();
  const image = await (await workspace.objects()).put(`images/${caption.replaceAll(/\W+/g, '-')}.webp`, webp, {
    mediaType: 'image/webp',
  });
  const data = { ...corpusDocument(caption), image };
  const facts = { schema: 'corpus.document', source: 'test', topic: 'corpus' } as const;
  await (await workspace.transport()).publish([encodeEvent({ ...facts, id: data.id, key: data.id, data })]);
}

async function lines(work: (out: PassThrough) => Promise<void>): Promise<string> {
  const out = new PassThrough();
  await work(out);
  out.end();
  return (await out.toArray()).join('');
}
const search = async (workspace: Workspace, text: string) => {
  const options = { k: 5, mode: 'dense', json: true } as const;
  const found = await lines((out) => corpusSearch(workspace, text, options, out));
  return JSON.parse(found).context as { caption: string; ranks: Record<string, number> }[];
};
const reembed = (workspace: Workspace) =>
  lines((out) => corpusReembed(workspace, { json: true, signal: new AbortController().signal }, out));

it('an index refuses another encoder; reembed builds it anew beside, and a text then finds images', async () => {
  const old = await workspaceWith(null);
  await publish(old, 'the first of two', { r: 255, g: 0, b: 0 });
  await publish(old, 'the second of two', { r: 0, g: 0, b: 255 });
  expect((await (await old.corpusIsCurrent()).state()).documents).toBe(2);

  const refused = await workspaceWith('clip');
  const error = await refused.corpus().catch((thrown) => thrown);
  expect(error).toMatchObject({ code: 'INDEX_OF_OTHER_ENCODER' });
  expect(error.message).toMatch(new RegExp(`text-image-.*${embedder.name.replace('/', '.')}`, 's'));
  await refused.close();

  const fresh = await workspaceWith('clip');
  expect(JSON.parse(await reembed(fresh))).toMatchObject({ before: embedder.name, documents: 2 });
  // Their captions say nothing of it: they are equally far from both.
  const shows = async (text: string) => (await search(fresh, text)).find(({ ranks }) => ranks.image === 1)!.caption;
  expect(await shows('a dog')).toBe('the first of two');
  expect(await shows('a car')).toBe('the second of two');

  // What still runs with the old encoder does not search among vectors of the new one.
  await expect((await old.corpus()).corpus.state()).rejects.toMatchObject({ code: 'INDEX_OF_OTHER_ENCODER' });
  expect(JSON.parse(await reembed(fresh))).toMatchObject({ before: (await fresh.embedder()).name, documents: null });

  // And what it has made meanwhile comes into the index with vectors of the index's own.
  await publish(fresh, 'a third, green', { r: 0, g: 255, b: 0 });
  const document = await (await fresh.corpusIsCurrent()).get(corpusDocument('a third, green').id);
  expect(document!.embeddings).toMatchObject({ model: (await fresh.embedder()).name, image: { length: 3 } });
});

it('a document whose image is gone is found by its words', async () => {
  const workspace = await workspaceWith('siglip');
  rmSync(join(folder, 'objects/images/the-first-of-two.webp'));
  await reembed(workspace);
  expect((await search(workspace, 'a car')).map(({ caption }) => caption)).toEqual([
    'the second of two',
    'a third, green',
  ]);
  const corpus = await workspace.corpusIsCurrent();
  const { context } = await corpus.search({ text: 'first', mode: 'lexical', k: 1 });
  expect(context.map(({ caption }) => caption)).toEqual(['the first of two']);
});

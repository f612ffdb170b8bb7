import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Client } from '../../src/app/client/client.js';
import { recordsAfter } from '../../src/app/new-records.js';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { Workspace } from '../../src/app/workspace.js';
import type { CorpusDocument } from '../../src/events/schemas.js';
import { never, testFolder } from '../media/make-media.js';
import { quietLog } from '../operators/run-operator.js';
import { patience } from '../support/patience.js';

/*
 * The topology that ships, and an object store that lost images of the corpus: requests are served with what is left.
 */

const folder = await testFolder();
const root = join(import.meta.dirname, '../..');
const topology = readFileSync(join(root, 'topology.yaml'), 'utf8').replace(
  /model: nano, upsampler: [\w-]+/,
  'model: fake',
);
writeFileSync(join(folder, 'topology.yaml'), topology);
mkdirSync(join(folder, 'media'));
const names = ['fox', 'mushroom', 'penguin'];
for (const name of names)
  for (const end of ['png', 'txt'])
    cpSync(join(root, `examples/media/images/${name}.${end}`), join(folder, `media/${name}.${end}`));
const workspace = await Workspace.open({ topology: join(folder, 'topology.yaml'), log: quietLog });
const client = await Client.of(workspace, workspace.pipeline('generate'));
afterAll(async () => {
  await client.close();
  await workspace.close();
});
const { metrics } = workspace;

/** Publishes, drains the pipeline, and expects every event to be delivered. */
async function deliver(name: string, events: object[]): Promise<void> {
  const transport = await workspace.transport();
  const pipeline = workspace.pipeline(name);
  const records = events.map((event) => ({ value: Buffer.from(JSON.stringify(event)), key: null, headers: {} }));
  await transport.publish(records.map((record) => ({ ...record, topic: pipeline.from })));
  await drain(name, events.length);
}

async function drain(name: string, delivered: number): Promise<void> {
  const [report] = await runPipelines(workspace, [workspace.pipeline(name)], { drain: true, signal: never });
  expect(report!.run).toEqual({ delivered, rejected: 0, dropped: {} });
}

async function contextOfVideo(prompt: string): Promise<string[]> {
  const job = await client.submit({ prompt, retrieval: { k: 2 } });
  await drain('generate', 1);
  return (await job.video()).data.context.map(({ document }) => document);
}

const passedOver = () => metrics.registry.getSingleMetricAsString('vimi_operator_count_total');

it('serves requests with the documents whose images are there', { timeout: patience(120) }, async () => {
  const uris = names.map((name) => ({ uri: join(folder, `media/${name}.png`) }));
  await deliver('corpus', uris);
  const transport = await workspace.transport();
  const documents = (await recordsAfter<CorpusDocument>(transport, 'corpus', {}, 'corpus.document')).map(
    ({ data }) => data,
  );
  const prompt = documents.map(({ caption }) => caption).join(', ');
  const whole = await contextOfVideo(prompt);
  expect(whole).toHaveLength(2);

  const objects = await workspace.objects();
  const remove = async (id: string) => objects.remove(documents.find((document) => document.id === id)!.image.key);
  await remove(whole[0]!);
  const third = documents.map(({ id }) => id).find((id) => !whole.includes(id));
  expect(await contextOfVideo(prompt)).toEqual([whole[1], third]);
  expect(await passedOver()).toContain('{pipeline="generate",step="retrieve",counter="document-without-image"} 1');

  for (const { id } of documents) await remove(id);
  expect(await contextOfVideo(prompt)).toEqual([]);

  // Its medium again brings the image back, though the corpus knows it.
  const pipeline = workspace.pipeline('corpus');
  await transport.publish(
    uris.map((uri) => ({ topic: 'media', value: Buffer.from(JSON.stringify(uri)), key: null, headers: {} })),
  );
  const [report] = await runPipelines(workspace, [pipeline], { drain: true, signal: never });
  expect(report!.run).toEqual({ delivered: 0, rejected: 0, dropped: { duplicate: 3 } });
  expect(await contextOfVideo(prompt)).toEqual(whole);
});

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { endsOf, recordsAfter } from '../../src/cli/commands/new-records.js';
import { runPipelines } from '../../src/cli/commands/run.js';
import { Workspace } from '../../src/cli/workspace.js';
import type { CorpusDocument, VideoCompleted } from '../../src/events/schemas.js';
import { never, testFolder } from '../media/make-media.js';
import { quietLog } from '../operators/run-operator.js';

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
afterAll(() => workspace.close());
const { metrics } = workspace;

/** Publishes, drains the pipeline, and expects every event to be delivered. */
async function deliver(name: string, events: object[]): Promise<void> {
  const transport = await workspace.transport();
  const pipeline = workspace.pipeline(name);
  const records = events.map((event) => ({ value: Buffer.from(JSON.stringify(event)), key: null, headers: {} }));
  await transport.publish(records.map((record) => ({ ...record, topic: pipeline.from })));
  const [report] = await runPipelines(workspace, [pipeline], { drain: true, signal: never });
  expect(report!.run).toEqual({ delivered: events.length, rejected: 0, dropped: {} });
}

async function contextOfVideo(prompt: string): Promise<string[]> {
  const transport = await workspace.transport();
  const before = await endsOf(transport, 'videos');
  await deliver('generate', [{ prompt, retrieval: { k: 2 } }]);
  const [video] = await recordsAfter<VideoCompleted>(transport, 'videos', before, 'video.completed');
  return video!.data.context.map(({ document }) => document);
}

const passedOver = () => metrics.registry.getSingleMetricAsString('vimi_document_without_image_total');

it('serves requests with the documents whose images are there', { timeout: 120_000 }, async () => {
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
  expect(await passedOver()).toContain('{pipeline="generate"} 1');

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

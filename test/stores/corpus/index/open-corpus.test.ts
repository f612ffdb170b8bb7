import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, it } from 'vitest';
import { compiled } from '../../../../src/core/compiled.js';
import { type OpenCorpusOptions, openCorpus } from '../../../../src/stores/corpus/index/open-corpus.js';
import { quietLog, thrownBy } from '../../../operators/run-operator.js';
import { captions, corpusDocument, embedder, query, records } from '../corpus-documents.js';

const folders: string[] = [];
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
});
const folder = () => {
  folders.push(mkdtempSync(join(tmpdir(), 'vimi-corpus-')));
  return folders.at(-1)!;
};
const open = (path: string, changes: Partial<OpenCorpusOptions> = {}) =>
  openCorpus({
    folder: path,
    embedder: { name: embedder.name, dimensions: embedder.dimensions },
    log: quietLog,
    ...changes,
  });
/** Another process that feeds the documents one by one, and writes a byte before each. */
function feeder(path: string, documents: ReturnType<typeof corpusDocument>[]) {
  const module = compiled(
    new URL('../../../../src/stores/corpus/index/open-corpus.ts', import.meta.url).href,
    './open-corpus.js',
  );
  const script = `
    import { openCorpus } from ${JSON.stringify(pathToFileURL(module).href)};
    const [options, records] = JSON.parse(await new Response(process.stdin).text());
    const corpus = await openCorpus({ ...options, log: { info() {}, warn() {} } });
    await corpus.positions();
    for (const record of records) {
      process.stdout.write('.');
      await corpus.apply([record]);
    }
    await corpus.close();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const options = { folder: path, embedder: { name: embedder.name, dimensions: embedder.dimensions } };
  child.stdin!.end(JSON.stringify([options, records(documents)]));
  return child;
}

const documents = captions.map((caption) => corpusDocument(caption));

describe('the corpus in its thread', () => {
  it('answers, and keeps all over a restart', async () => {
    const path = folder();
    const corpus = await open(path);
    await corpus.apply(records(documents));
    const answer = await corpus.search(query('a fox'));
    expect(answer.context[0]?.caption).toBe(captions[0]);
    await corpus.close();
    const again = await open(path);
    expect(await again.positions()).toEqual({ 0: documents.length });
    expect(await again.search(query('a fox'))).toEqual(answer);
    expect((await again.get(documents[0]!.id))?.caption).toBe(captions[0]);
    expect(await again.state()).toEqual(answer.corpus);
    await again.close();
  });

  it('passes errors on with their code', async () => {
    const corpus = await open(folder());
    expect((await thrownBy(() => corpus.search(query('x', { textEmbedding: [1] })))).code).toBe('VECTOR_INVALID');
    await corpus.close();
    await corpus.close();
    expect((await thrownBy(() => corpus.state())).code).toBe('INTERNAL');
  });

  it('starts another thread when one dies, and fails the calls that were with it', async () => {
    const started = once(process, 'worker') as Promise<[Worker]>;
    const corpus = await open(folder());
    await corpus.apply(records(documents));
    const [thread] = await started;
    // So many that the thread dies before it is done.
    const many = Array.from({ length: 300 }, () => documents).flat();
    const lost = thrownBy(() => corpus.apply(records(many, 100)));
    await thread.terminate();
    expect((await lost).code).toBe('INDEX_DAMAGED');
    expect((await corpus.search(query('a fox'))).context[0]?.caption).toBe(captions[0]);
    await corpus.close();
  });

  it('says why when it cannot be opened', async () => {
    const file = join(folder(), 'a-file');
    writeFileSync(file, '');
    expect(await thrownBy(() => open(join(file, 'below')))).toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      found: expect.stringMatching(/ENOTDIR/),
    });
  });

  it('holds a search back while a lost index is filled again', async () => {
    const path = folder();
    const corpus = await open(path);
    await corpus.apply(records(documents));
    const before = await corpus.search(query('a fox'));
    rmSync(join(path, 'corpus.sqlite'));
    const search = corpus.search(query('a fox'));
    expect((await thrownBy(() => corpus.apply(records(documents, 10)))).code).toBe('INDEX_DAMAGED');
    expect(await corpus.positions()).toEqual({});
    await corpus.apply(records(documents));
    expect(await search).toEqual(before);
    await corpus.close();
  });

  it('makes do with what is there when nobody fills it again', async () => {
    const path = folder();
    const corpus = await open(path, { rebuildWaitMs: 0 });
    await corpus.apply(records(documents));
    rmSync(join(path, 'corpus.sqlite'));
    await thrownBy(() => corpus.apply([]));
    expect(await corpus.search(query('a fox'))).toMatchObject({ context: [], corpus: { documents: 0 } });
    await corpus.close();
  });

  it('is whole after kill -9 at any moment of feeding', async () => {
    const path = folder();
    const many = Array.from({ length: 300 }, (_, n) => corpusDocument(`an image of the number ${n}`));
    for (const bytes of [1, 2, 5, 40, 120, 250]) {
      let written = 0;
      const child = feeder(path, many);
      // It dies somewhere within the apply that follows.
      for await (const chunk of child.stdout!) {
        written += (chunk as Buffer).length;
        if (written >= bytes) break;
      }
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      const corpus = await open(path);
      const fed = (await corpus.positions())[0] ?? 0;
      // Each byte is written when what came before it was applied.
      expect(fed).toBeGreaterThanOrEqual(bytes - 1);
      expect((await corpus.state()).documents).toBe(fed);
      if (fed > 0) expect((await corpus.get(many[fed - 1]!.id))?.caption).toBe(many[fed - 1]!.caption);
      await corpus.close();
    }
  });

  it('is fed by two processes at once, each record counting once', async () => {
    const path = folder();
    const corpus = await open(path);
    const many = Array.from({ length: 60 }, (_, n) => corpusDocument(`an image of the number ${n}`));
    const child = feeder(path, many);
    const ended = once(child, 'exit');
    for (const record of records(many)) await corpus.apply([record]);
    expect(await ended).toEqual([0, null]);
    expect(await corpus.positions()).toEqual({ 0: 60 });
    expect((await corpus.state()).documents).toBe(60);
    await corpus.close();
  });
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fillWithCaptions, type JudgedPrompt, scoreRetrieval } from '../../src/evaluation/retrieval.js';
import type { Corpus, SearchMode } from '../../src/stores/corpus/corpus.js';
import { openCorpus } from '../../src/stores/corpus/index/open-corpus.js';
import { quietLog } from '../operators/run-operator.js';
import { embedder } from '../stores/corpus/corpus-documents.js';

const root = join(import.meta.dirname, '../..');
const linesOf = (path: string) =>
  readFileSync(join(root, path), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const demo: string[] = linesOf('examples/media/media.jsonl')
  .filter(({ uri }) => !uri.endsWith('.mp4'))
  .map(({ caption }) => caption);

const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
});
async function corpusOf(captions: string[]): Promise<Corpus> {
  const folder = mkdtempSync(join(tmpdir(), 'vimi-judged-'));
  const corpus = await openCorpus({ folder, embedder, log: quietLog });
  closing.push(async () => {
    await corpus.close();
    rmSync(folder, { recursive: true });
  });
  await fillWithCaptions(corpus, captions, embedder);
  return corpus;
}
const search = async (corpus: Corpus, text: string, changes: { mode?: SearchMode; onlyNamed?: boolean } = {}) => {
  const textEmbedding = embedder.text(text);
  const { context } = await corpus.search({ text, textEmbedding, mode: 'hybrid', k: 3, names: true, ...changes });
  return context.map(({ caption }) => caption);
};

describe('retrieval against judgements by hand', () => {
  it('[streams F8] puts at most 2 % images that do not fit before prompts of VBench, and loses few that do', async () => {
    const pairs: { prompt: string; caption: string; fits: boolean; from: string }[] =
      linesOf('bench/retrieval/vbench.jsonl');
    const sample = pairs.filter(({ from }) => from === 'sample');
    expect(sample.length).toBe(200);
    expect(sample.filter(({ fits }) => !fits).length).toBeLessThanOrEqual(4);
    const captionsOf = (prompt: string, wanted: boolean) =>
      pairs.filter((pair) => pair.prompt === prompt && pair.fits === wanted).map(({ caption }) => caption);
    const judged = [...new Set(pairs.map(({ prompt }) => prompt))].map(
      (prompt): JudgedPrompt => ({ prompt, fits: captionsOf(prompt, true), misfits: captionsOf(prompt, false) }),
    );
    const { found, fits, misfits, unjudged, missed } = await scoreRetrieval(await corpusOf(demo), judged);
    expect(unjudged).toEqual([]);
    expect(misfits.length / found).toBeLessThanOrEqual(0.02);
    expect(misfits.filter(({ prompt, caption }) => isFormer(prompt, caption))).toEqual([]);
    expect(fits.length).toBeGreaterThanOrEqual(215);
    expect(missed.length).toBeLessThanOrEqual(11);

    function isFormer(prompt: string, caption: string) {
      return pairs.some((pair) => pair.prompt === prompt && pair.caption === caption && pair.from === 'before');
    }
  });

  const captions: { language: string; caption: string }[] = linesOf('bench/retrieval/captions.jsonl');
  it.each([...new Set(captions.map(({ language }) => language))])(
    '[streams F9] finds what fits and nothing else, of 20 prompts in %s',
    async (language) => {
      const own = captions.filter((line) => line.language === language).map(({ caption }) => caption);
      const asked = linesOf('bench/retrieval/languages.jsonl').filter((line) => line.language === language);
      expect(asked.length).toBe(20);
      const judged = asked.map(({ prompt, fits }) => ({
        prompt,
        fits,
        misfits: own.filter((caption) => !fits.includes(caption)),
      }));
      const { fits, misfits, missed } = await scoreRetrieval(await corpusOf(own), judged, { all: true });
      expect(misfits).toEqual([]);
      expect(fits.length).toBeGreaterThanOrEqual(11);
      expect(missed.length).toBeLessThanOrEqual(2);
    },
  );
});

describe('what is found', () => {
  const asked: [prompt: string, finds: string[]][] = [
    ['a car', []],
    ['a person', []],
    ['an astronaut flying in space', []],
    ['a red suitcase', []],
    ['an oven on the top of a toaster', []],
    ['die Hunde rennen', []],
    ['一只狐狸', []],
    ['a red apple on a table', ['a red apple']],
    ['two foxes in the snow', ['a fox']],
  ];
  it.each(asked)('[streams F8] [streams F9] %j on the English corpus of the demo: %j', async (prompt, finds) => {
    const corpus = await corpusOf(demo);
    expect(await search(corpus, prompt, { onlyNamed: true })).toEqual(finds);
    if (finds.length === 0) expect(await search(corpus, prompt, { onlyNamed: true, mode: 'dense' })).toEqual([]);
  });

  const fox = ['一只狐狸', 'きつね', '여우', 'สุนัขจิ้งจอก', '🦊', 'ثعلب', 'лиса', 'ein Fuchs'];
  it.each([
    ['一只狐狸在雪地里奔跑', '一只狐狸'],
    ['狐狸', '一只狐狸'],
    ['きつねが走る', 'きつね'],
    ['キツネが走る', 'きつね'],
    ['여우가 달린다', '여우'],
    ['สุนัขจิ้งจอกวิ่ง', 'สุนัขจิ้งจอก'],
    ['🦊', '🦊'],
    ['a 🦊 in the snow', '🦊'],
    ['الثعلب يركض', 'ثعلب'],
    ['рыжая лиса бежит', 'лиса'],
    ['die Füchse rennen', 'ein Fuchs'],
  ])('[streams F9] %s finds %s', async (prompt, caption) => {
    expect(await search(await corpusOf([...fox, ...demo]), prompt, { onlyNamed: true })).toEqual([caption]);
  });

  it('[media F23] a search by people finds words of scripts without spaces, and parts of them, first', async () => {
    const chinese = '一只红色的狐狸在雪地里奔跑';
    const japanese = '赤いキツネが雪の中を走る';
    const corpus = await corpusOf([chinese, japanese, 'nan', 'café', ...demo]);
    expect((await search(corpus, '狐狸'))[0]).toBe(chinese);
    expect((await search(corpus, 'キツネ'))[0]).toBe(japanese);
    expect((await search(corpus, '雪')).slice(0, 2).sort()).toEqual([chinese, japanese].sort());
  });
});

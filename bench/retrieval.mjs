// What retrieval puts before prompts, against judgements by hand (bench/retrieval/README.md):
//
//   node bench/retrieval.mjs                               the judged sample, and the prompts in five languages
//   node bench/retrieval.mjs --vbench VBench_full_info.json   all prompts of VBench; pairs that nobody judged are listed
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fillWithCaptions, scoreRetrieval } from '../dist/evaluation/retrieval.js';
import { createEmbedder } from '../dist/models/encoders/built-in/embedder.js';
import { openCorpus } from '../dist/stores/corpus/index/open-corpus.js';

const { values } = parseArgs({ options: { vbench: { type: 'string' }, json: { type: 'boolean', default: false } } });
const folder = join(import.meta.dirname, 'retrieval');
const linesOf = (path) =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

const demo = linesOf(join(import.meta.dirname, '../examples/media/media.jsonl'))
  .filter(({ uri }) => !uri.endsWith('.mp4'))
  .map(({ caption }) => caption);
const judged = new Map();
for (const { prompt, caption, fits } of linesOf(join(folder, 'vbench.jsonl'))) {
  const known = judged.get(prompt) ?? { prompt, fits: [], misfits: [] };
  known[fits ? 'fits' : 'misfits'].push(caption);
  judged.set(prompt, known);
}
const prompts = values.vbench
  ? [...new Set(JSON.parse(readFileSync(values.vbench, 'utf8')).map((entry) => entry.prompt_en))]
  : [...judged.keys()];

const results = {
  vbench: await score(
    demo,
    prompts.map((prompt) => judged.get(prompt) ?? { prompt, fits: [], misfits: [] }),
    false,
  ),
};
const captions = linesOf(join(folder, 'captions.jsonl'));
const inLanguages = linesOf(join(folder, 'languages.jsonl'));
for (const language of new Set(captions.map((line) => line.language))) {
  const own = captions.filter((line) => line.language === language).map(({ caption }) => caption);
  const asked = inLanguages.filter((line) => line.language === language);
  // Every caption that does not fit is a misfit: the corpora are small enough to have been read whole.
  const whole = asked.map(({ prompt, fits }) => ({ prompt, fits, misfits: own.filter((one) => !fits.includes(one)) }));
  results[language] = await score(own, whole, true);
}

if (values.json) console.log(JSON.stringify(results));
else
  for (const [what, { found, fits, misfits, unjudged, missed }] of Object.entries(results)) {
    const rate = found === unjudged.length ? 0 : (100 * misfits.length) / (found - unjudged.length);
    console.log(
      `${what}: ${found} found, ${fits.length} fit, ${misfits.length} do not (${rate.toFixed(1)} %), ${unjudged.length} unjudged; ${missed.length} that fit were not found`,
    );
    for (const [name, list] of Object.entries({ misfit: misfits, unjudged, missed }))
      for (const { prompt, caption } of list) console.log(`  ${name.padEnd(8)} ${caption}  <-  ${prompt}`);
  }

async function score(captions, judgements, all) {
  const index = mkdtempSync(join(tmpdir(), 'vimi-retrieval-'));
  const quiet = { info() {}, warn() {} };
  const embedder = createEmbedder();
  const corpus = await openCorpus({ folder: index, embedder, log: quiet });
  try {
    await fillWithCaptions(corpus, captions, embedder);
    return await scoreRetrieval(corpus, judgements, { all });
  } finally {
    await corpus.close();
    rmSync(index, { recursive: true, force: true });
  }
}

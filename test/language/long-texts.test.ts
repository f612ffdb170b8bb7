import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';

/*
 * Expressions that back out of a match in more and more ways take for ever on the right text. The readers of strangers' texts get such
 * texts here, each as long as vimi lets it become; a thread that does not come to its end fails the test by its own limit.
 */

const readers: Record<string, [module: string, call: string]> = {
  words: ['language/words.js', 'm.words(text)'],
  phrases: ['language/phrases.js', 'm.phrasesOf(text)'],
  entities: ['language/entities.js', 'm.entitiesOf(text)'],
  boilerplate: ['language/boilerplate.js', 'm.boilerplate(text)'],
  printable: ['core/printable.js', 'm.printable(text)'],
  robots: [
    'media/web/robots.js',
    "m.disallowedBy(m.readRobots('User-agent: *\\nDisallow: /' + text, 'vimi'), new URL('http://a/' + 'a'.repeat(2000)))",
  ],
  usage: ['media/web/signals.js', 'm.refusesUsage(text)'],
  headers: ['media/web/signals.js', "m.refusesTraining([['x-robots-tag', text]], 'vimi')"],
  metrics: ['app/looks/prometheus-text.js', '[...m.metricSamples(text)]'],
  captions: ['operators/media/caption-template.js', 'm.fieldsOf(text)'],
};

const pieces = [
  'a',
  'A ',
  ' ',
  '\t\n',
  '-',
  '"',
  '\\"',
  '{',
  '{a}',
  '*',
  '*a',
  ',',
  '. ',
  'a.a@',
  '1,',
  'é',
  '火',
  '👨‍👩‍👧',
  '<a ',
  '\u0301',
  'the of ',
];
const length = 20_000;

function run(module: string, call: string): Promise<number> {
  const url = new URL(`../../dist/${module}`, import.meta.url).href;
  const source = `
    const { parentPort } = require('node:worker_threads');
    import(${JSON.stringify(url)}).then((m) => {
      let done = 0;
      for (const piece of ${JSON.stringify(pieces)})
        for (const end of ['', '!', '\\0']) {
          const text = piece.repeat(${length} / piece.length) + end;
          try { ${call}; } catch (error) { if (error.constructor.name !== 'VimiError') throw error; }
          done++;
        }
      parentPort.postMessage(done);
    });`;
  const worker = new Worker(source, { eval: true });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

describe('texts that expressions could stumble over', () => {
  it.each(Object.entries(readers))('are read to their end: %s', async (_, [module, call]) => {
    expect(await run(module, call)).toBe(pieces.length * 3);
  });
});

// @ts-nocheck: a plain script, run against what is built
/**
 * Mutated input through one reader of what comes from outside: each must be read, or refused with an error of vimi's own.
 *
 *   npm run fuzz -- TARGET [--runs 10000] [--seed 1]      targets: test/fuzz/targets
 *
 * What was found before (test/fuzz/corpus/TARGET) comes first, then mutations of valid input, of what was found, and of what was refused
 * in a new way. The same seed gives the same input. A crash is an error that is none of ours, or INTERNAL; a hang is an input that takes
 * longer than a minute. Both are written to test/fuzz/corpus/TARGET, and the command ends with 1. The last line counts. `beyond`: those
 * that came past the reader's first check, such as JSON that can be parsed; a target says what its first check is (`isFirstCheck`).
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { seeded } from '../chaos/random.mjs';
import { mutate } from './mutate.mjs';
import { mutateText } from './mutate-text.mjs';

const here = import.meta.dirname;
const hangMs = 60_000;
/** Of inputs that stay to be mutated further. */
const mostKept = 500;
const longestInput = 1 << 20;
/** Of crashes: one input of each is kept. */
const ways = new Set();

const targets = () => readdirSync(join(here, 'targets')).map((name) => name.replace(/\.mjs$/, ''));

if (isMainThread) await main();
else await work(workerData);

async function main() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { runs: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
  });
  const [target] = positionals;
  const [runs, seed] = [Number(values.runs), Number(values.seed)];
  if (!targets().includes(target) || !(runs >= 0) || !Number.isInteger(seed)) {
    console.error(`expected one of ${targets().join(', ')}, and --runs and --seed as numbers`);
    process.exit(2);
  }
  const began = performance.now();
  const sums = { target, seed, runs: 0, beyond: 0, read: 0, refused: 0, crashes: 0, hangs: 0, codes: {} };
  let begin = 0;
  // A hang ends its thread; another goes on behind it.
  while (begin >= 0) begin = await oneThread({ target, runs, seed, begin }, sums);
  sums.seconds = Math.round((performance.now() - began) / 1000);
  console.log(JSON.stringify(sums));
  process.exit(sums.crashes + sums.hangs > 0 ? 1 : 0);
}

/** Gives where to go on; -1: all is done. */
function oneThread(data, sums) {
  const shared = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL(import.meta.url), { workerData: { ...data, shared } });
  return new Promise((resolve, reject) => {
    let [last, since] = [-1, performance.now()];
    const watch = setInterval(async () => {
      const now = Atomics.load(shared, 0);
      if (now !== last) [last, since] = [now, performance.now()];
      if (performance.now() - since < hangMs) return;
      clearInterval(watch);
      await worker.terminate();
      sums.hangs++;
      console.error(`hang: input ${now} of seed ${data.seed}: no end within ${hangMs / 1000} s`);
      resolve(now + 1);
    }, 1_000);
    worker.on('message', ({ crash, counts }) => {
      if (crash) {
        sums.crashes++;
        console.error(`crash: input ${crash.n} of seed ${data.seed}: ${crash.error}`);
        const way = crash.error.replace(/\d+/g, '0').split('\n').slice(0, 3).join();
        if (!ways.has(way)) keep(data.target, Buffer.from(crash.bytes));
        ways.add(way);
      }
      if (counts) {
        for (const name of ['runs', 'beyond', 'read', 'refused']) sums[name] += counts[name];
        for (const [code, times] of Object.entries(counts.codes)) sums.codes[code] = (sums.codes[code] ?? 0) + times;
      }
    });
    worker.on('error', (error) => {
      clearInterval(watch);
      reject(error);
    });
    worker.on('exit', (code) => {
      clearInterval(watch);
      if (code === 0) resolve(-1);
    });
  });
}

/** So that it is tried first from now on. */
function keep(target, bytes) {
  const folder = join(here, 'corpus', target);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, createHash('sha256').update(bytes).digest('hex').slice(0, 16)), bytes);
}

async function work({ target: name, runs, seed, begin, shared }) {
  const target = await import(new URL(`./targets/${name}.mjs`, import.meta.url).href);
  const { asVimiError, VimiError } = await import('../../dist/core/errors.js');
  const folder = join(here, 'corpus', name);
  const found = existsSync(folder) ? readdirSync(folder).map((file) => readFileSync(join(folder, file))) : [];
  const valid = await target.valid();
  const pool = [...valid, ...found];
  const codes = new Set();
  const none = () => ({ runs: 0, beyond: 0, read: 0, refused: 0, codes: {} });
  let counts = none();
  const given = pool.length;
  for (let n = 0; n < given + runs; n++) {
    // Of its own number, so that each can be made again alone.
    const random = seeded(seed * 1_000_003 + n);
    // Half of them from what is valid: what was refused once is seldom read again.
    const of = () => {
      const from = random() < 0.5 ? valid : pool;
      return from[Math.floor(random() * from.length)];
    };
    const text = target.isText && random() < 0.8 ? mutateText : mutate;
    const change = target.change && random() < 0.7 ? target.change : text;
    const bytes = n < given ? pool[n] : change(of(), of(), random).subarray(0, longestInput);
    if (n < begin) continue;
    Atomics.store(shared, 0, n);
    counts.runs++;
    try {
      await target.run(bytes, random);
      counts.read++;
      counts.beyond++;
    } catch (thrown) {
      const error = asVimiError(thrown);
      if (!(thrown instanceof VimiError) || error.code === 'INTERNAL') {
        const text = thrown instanceof Error ? thrown.stack : String(thrown);
        parentPort.postMessage({ crash: { n, error: text, bytes } });
      }
      counts.refused++;
      if (!target.isFirstCheck(error, bytes)) counts.beyond++;
      counts.codes[error.code] = (counts.codes[error.code] ?? 0) + 1;
      // Refused in a new way: what lies behind it is looked for.
      const way = `${error.code} ${error.message} ${error.expected ?? ''}`.replace(/\d+/g, '0').slice(0, 200);
      if (!codes.has(way) && pool.length < mostKept) {
        codes.add(way);
        pool.push(Buffer.from(bytes));
      }
    }
    if (counts.runs % 1000 === 0) {
      parentPort.postMessage({ counts });
      counts = none();
    }
  }
  parentPort.postMessage({ counts });
  await target.close?.();
}

// @ts-nocheck: a plain script
/**
 * Whether memory grows by more than it must, from the second quarter of a run to the last.
 *
 * All that steps remember is full after a thousand documents, and V8 has by then the pages that it works with. From there on memory may
 * grow with the corpus, by the pages of the log that SQLite keeps, and by what the collector leaves lying for a while. Before, nothing
 * finer can be said than that a third more is too much.
 */
const kib = 1024;
const mib = 1024 * kib;
const warmAfter = 1000;

/** In the thread of the index: pages of its file 4.7, vectors 1.6, words, ids and hashes 1.5 (docs/guides/operate.md). */
const ofDocument = 8 * kib;
/** Of all that is published about a clip and a request; as many bytes of the log as SQLite keeps. */
const ofLog = 10 * kib;
const mostOfLog = 16 * mib;
const noise = 12 * mib;

/**
 * @param {{ megabytes: number, documents: number }[]} samples
 * @param {string} profile
 */
export function growthOf(samples, profile) {
  const [early, late] = [1, 3].map((n) => {
    const part = quarterOf(samples, n);
    const [bytes, documents] = ['megabytes', 'documents'].map((what) => median(part.map((sample) => sample[what])));
    const log = profile === 'embedded' ? Math.min(mostOfLog, documents * ofLog) : 0;
    return { bytes: bytes * mib, documents, log };
  });
  const documents = late.documents - early.documents;
  const [corpus, log] = [documents * ofDocument, late.log - early.log];
  const isWarm = early.documents >= warmAfter;
  const most = isWarm ? corpus + log + noise : early.bytes / 3;
  const grown = late.bytes - early.bytes;
  return { grown, documents, corpus, log, isWarm, most, isTooMuch: grown > most };
}

export function growthLine({ grown, documents, corpus, log, isWarm, most }) {
  const size = (bytes) => `${(bytes / mib).toFixed(1)} MiB`;
  return (
    `memory, last quarter against the second: ${grown < 0 ? '' : '+'}${size(grown)} with ${documents} more documents. ` +
    `The corpus takes ${size(corpus)} of that, pages of the log ${size(log)}. Allowed: ${size(most)}` +
    (isWarm ? '' : `, a third, since the second quarter had fewer than ${warmAfter} documents`)
  );
}

export function quarterOf(samples, n) {
  return samples.slice((samples.length * n) / 4, (samples.length * (n + 1)) / 4);
}

export function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

/* The results of bench/search.mjs as one table in Markdown. */

const ms = (value) => (value === undefined ? '' : value < 10 ? value.toFixed(3) : value.toFixed(0));
const MiB = (bytes) => (bytes === undefined ? '' : (bytes / 2 ** 20).toFixed(0));
const factor = (value) => (value === undefined ? '' : value.toFixed(2));

const columns = [
  ['documents', ({ documents }) => documents.toLocaleString('en')],
  ['search', ({ search }) => search],
  ['engine', ({ engine }) => engine],
  ['recall@10', ({ recall }) => (recall === undefined ? '' : recall.toFixed(3))],
  ['p50', ({ p50 }) => ms(p50)],
  ['p99', ({ p99 }) => ms(p99)],
  ['mean', ({ mean }) => ms(mean)],
  ['p50 by the clock', ({ wall }) => ms(wall?.p50)],
  ['p99 by the clock', ({ wall }) => ms(wall?.p99)],
  ['vimi / this, p50', ({ ratio }) => factor(ratio)],
  ['build a document', ({ build }) => ms(build)],
  ['memory, MiB', ({ memory }) => MiB(memory)],
  ['first answer', ({ first }) => ms(first)],
];

export function table(rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map(([name]) => name)),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map(([, cell]) => /** @type {any} */ (cell)(row)))),
  ].join('\n');
}

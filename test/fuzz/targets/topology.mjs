// @ts-nocheck: a plain script
/** Texts of topology.yaml. Mistakes are listed with a place each, whatever the text. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { VimiError } from '../../../dist/core/errors.js';
import { operators } from '../../../dist/operators/index.js';
import { checkTopology } from '../../../dist/streams/topology/read-topology.js';
import { mutateJson } from '../mutate-json.mjs';

export const isText = true;
const root = join(import.meta.dirname, '../../..');
/** Nothing lies there: modules and secrets that a text names are looked for in it. */
const folder = mkdtempSync(join(tmpdir(), 'vimi-fuzz-topology-'));
export const close = () => rmSync(folder, { recursive: true, force: true });

const small = `profiles:
  a: { transport: { type: embedded, path: x }, objects: { type: files, path: y }, search: { type: embedded, path: z } }
topics:
  requests: { schema: generation.requested }
  jobs: { schema: job.changed, cleanup: compact }
  videos: { schema: video.completed }
  corpus: { schema: corpus.document, cleanup: compact }
  rejects: { schema: event.rejected }
segments:
  ground: [embed, retrieve: { k: 3 }, compose]
pipelines:
  p:
    from: requests
    steps: [admit, use: ground, denoise: { model: fake }, encode]
    to: [objects: "videos/{job}.mp4", topic: videos]
`;
const aliases = `a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n${small}`;
// Small ones more often: they are read faster.
export const valid = () => [
  ...[small, small, small, aliases].map((text) => Buffer.from(text)),
  readFileSync(join(root, 'examples/presets/serving/topology.yaml')),
];

/** Another value of the same kind: whatever it says, it can be read. */
export function change(bytes, _, random) {
  try {
    return Buffer.from(JSON.stringify(mutateJson(parse(bytes.toString()), random), null, 1));
  } catch {
    return bytes;
  }
}

/** No YAML. */
export const isFirstCheck = ({ message }) => message === 'syntax';

export async function run(bytes) {
  const file = join(folder, 'topology.yaml');
  const { topology, mistakes } = await checkTopology(bytes.toString(), { file, env: {}, operators });
  if (topology) return;
  if (mistakes.length === 0) throw new Error('neither a topology nor a mistake');
  for (const { line, column, message } of mistakes)
    if (!(line >= 1 && column >= 1) || !message) throw new Error(`a mistake without a place: ${message}`);
  throw new VimiError('TOPOLOGY_INVALID', mistakes[0].rule ?? 'a mistake');
}

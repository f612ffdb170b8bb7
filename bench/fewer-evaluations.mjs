/**
 * What the settings `reuse` and `guided` of denoise save with nano: evaluations of the network, counted, and processor time.
 *
 *   npm run build && node bench/fewer-evaluations.mjs
 *
 * Quality: `vimi eval grounding` (docs/concepts/models.md).
 */

import { generate } from '../dist/models/sampling/generate.js';
import { Rounds } from '../dist/models/sampling/rounds.js';
import { openServing } from '../dist/models/servers/serving-backend.js';
import { loadModel } from '../dist/models/weights/load-model.js';

const prompts = [
  'a fox moves left on a blue background',
  'a red balloon grows',
  'an anchor turns',
  'a sailboat moves right',
  'a kite moves up',
  'a green apple on a white background',
];
const settings = {
  none: {},
  'reuse 0.05': { reuse: 0.05 },
  'reuse 0.1': { reuse: 0.1 },
  'reuse 0.2': { reuse: 0.2 },
  'guided 1 to 1000': { guided: { low: 1, high: 1000 } },
};

const { graphs, description } = await openServing('onnx', { threads: 1 });
const loaded = await loadModel('nano');
const { steps, guidance } = loaded.model.preset.defaults;
const { signal } = new AbortController();

async function drawn(text, setting) {
  const seat = new Rounds().seat();
  let runs = 0;
  const ask = (passes) => {
    runs += passes.length;
    return seat.ask(passes);
  };
  const prompt = { task: 'text-to-video', instruction: '', parts: [{ text }] };
  const shape = { frames: 8, width: 32, height: 32, fps: 8, steps, guidance, seed: 1 };
  const before = process.cpuUsage();
  await generate(loaded, { prompt, ...shape, ...setting }, { graphs, seat: { ...seat, ask }, signal });
  const { user, system } = process.cpuUsage(before);
  return { runs, seconds: (user + system) / 1e6 };
}

await drawn(prompts[0], {}); // graphs are compiled
console.log(`nano on ${description}, ${steps} steps, ${prompts.length} prompts without images`);
let usual;
for (const [name, setting] of Object.entries(settings)) {
  let [runs, seconds] = [0, 0];
  for (const text of prompts) {
    const one = await drawn(text, setting);
    runs += one.runs;
    seconds += one.seconds;
  }
  usual ??= { runs, seconds };
  const times = (part) => (usual[part] / { runs, seconds }[part]).toFixed(2);
  console.log(
    `${name.padEnd(18)} ${(runs / prompts.length).toFixed(1).padStart(5)} runs of the network a video (${times('runs')}x), ` +
      `${(seconds / prompts.length).toFixed(2)} s of processor time (${times('seconds')}x)`,
  );
}

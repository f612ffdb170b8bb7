// What previews cost: node bench/previews.mjs [backend]. The same video with and without a preview at every step, in turn;
// served videos have two a second at most. Needs a build.
import { sizeOfVideo } from '../dist/models/presets/presets.js';
import { generate } from '../dist/models/sampling/generate.js';
import { openServing } from '../dist/models/servers/serving-backend.js';
import { loadModel } from '../dist/models/weights/load-model.js';

const rounds = 5;
const backend = /** @type {import('../dist/models/backends/names.js').ServingBackend} */ (process.argv[2] ?? 'auto');
const { description, graphs } = await openServing(backend, {});
const [base, upsampler] = [await loadModel('nano'), await loadModel('nano-upsampler')];
const { preset } = upsampler.model;
/** @type {import('../dist/models/ports.js').GenerateInput} */
const input = {
  prompt: { task: 'text-to-video', instruction: '', parts: [{ text: 'a fox moves left on a blue background' }] },
  ...{ frames: preset.frames, ...sizeOfVideo(preset), fps: preset.defaults.fps },
  ...{ steps: 20, guidance: { text: 1.5, image: 1.5 }, seed: 7 },
};
const signal = new AbortController().signal;

/** @param {((draw: () => unknown) => void) | undefined} onEstimate */
async function processorTime(onEstimate) {
  const before = process.cpuUsage();
  const video = await generate(base, input, { upsampler, graphs, signal, onEstimate });
  const { user, system } = process.cpuUsage(before);
  return { ms: (user + system) / 1000, pixels: Buffer.from(video.data) };
}

const median = (/** @type {number[]} */ numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
await processorTime(undefined);
const [plain, shown, drawing] = [[], [], []].map(() => /** @type {number[]} */ ([]));
let frames = 0;
let isSame = true;
for (let n = 0; n < rounds; n++) {
  const without = await processorTime(undefined);
  let drawn = 0;
  frames = 0;
  const given = await processorTime((draw) => {
    const began = performance.now();
    draw();
    drawn += performance.now() - began;
    frames++;
  });
  isSame &&= without.pixels.equals(given.pixels);
  plain.push(without.ms);
  shown.push(given.ms);
  drawing.push(drawn);
}
const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(2)} %`;
console.log(`${description}: ${input.frames} frames of ${input.width}x${input.height}, median of ${rounds}`);
console.log(
  `without ${median(plain).toFixed(0)} ms of processor time, with ${frames} previews ${median(shown).toFixed(0)} ms`,
);
console.log(
  `drawing them took ${median(drawing).toFixed(1)} ms, ${percent(median(drawing) / median(plain))} of it; the same pixels: ${isSame}`,
);

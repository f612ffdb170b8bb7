// The model process: loads one model, makes one video at a time, says how far it is. Started by denoiser.ts with one JSON
// argument; ends when its parent does.
import { VimiError } from '../../core/errors.js';
import { openEncoder } from '../encoders/open-encoder.js';
import type { RgbImage } from '../ports.js';
import { sizeOfVideo } from '../presets/presets.js';
import { checkCascade, generate } from '../sampling/generate.js';
import { samplerNames } from '../sampling/sampler.js';
import { loadModel } from '../weights/load-model.js';
import type { FromProcess, ProcessOptions, ToProcess } from './denoiser-messages.js';
import { errorFields, insideProcess } from './own-process.js';
import { openServing } from './serving-backend.js';

/** Between two previews. */
const previewMs = 500;

const { options, send } = insideProcess<ProcessOptions, FromProcess>();
const cancelled = new Map<number, AbortController>();
try {
  let serving = await openServing(options.backend, options);
  const loaded = await loadModel(options.model);
  const upsampler = options.upsampler === undefined ? undefined : await loadModel(options.upsampler);
  const { preset, parameters } = loaded.model;
  if (upsampler) checkCascade(preset, upsampler.model.preset);
  else if (preset.low)
    throw new VimiError('MODEL_UNKNOWN', `${preset.name} only enlarges videos`, {
      expected: `a base model, and ${preset.name} as its upsampler`,
    });
  const models = [loaded, ...(upsampler ? [upsampler] : [])];
  if (serving.graphs && !models.every(({ model }) => serving.graphs!.canRun(model))) {
    const withoutOnnx = 'an ONNX file holds no model of 2 GB or more';
    if (options.backend === 'onnx') throw new VimiError('BACKEND_UNAVAILABLE', withoutOnnx);
    serving = await openServing(options.backend, { ...options, withoutOnnx });
  }
  const { description: backend, graphs, note } = serving;
  const needs = models.map(({ model, encoder }) => ({ ...model, encoder }));
  const encoder = await openEncoder(needs, options.encoder);
  const last = upsampler?.model.preset ?? preset;
  const size = { frames: last.frames, ...sizeOfVideo(last) };
  const { steps, guidance } = preset.defaults;
  let line = Promise.resolve();
  process.on('message', (message: ToProcess) => {
    if (message.type === 'cancel') {
      cancelled.get(message.job)?.abort();
      return;
    }
    const { job, input } = message;
    const abort = new AbortController();
    cancelled.set(job, abort);
    line = line.then(async () => {
      try {
        if (abort.signal.aborted) throw new VimiError('CANCELLED', 'The generation was cancelled');
        const onStep = (done: number, total: number) => send({ type: 'step', job, done, total });
        const began = performance.now();
        let shown = Number.NEGATIVE_INFINITY;
        const onEstimate = (draw: () => RgbImage) => {
          const now = performance.now();
          if (now - shown < previewMs) return;
          shown = now;
          send({ type: 'preview', job, frame: draw() });
        };
        const { signal } = abort;
        const video = await generate(loaded, input, { upsampler, encoder, graphs, signal, onStep, onEstimate });
        send({ type: 'done', job, video, seconds: (performance.now() - began) / 1000 });
      } catch (thrown) {
        send({ type: 'failed', job, error: errorFields(thrown) });
      } finally {
        cancelled.delete(job);
      }
    });
  });
  send({
    type: 'ready',
    ...(note !== undefined && { note }),
    description: {
      name: preset.name,
      weights: loaded.sha256,
      backend,
      parameters: parameters + (upsampler?.model.parameters ?? 0),
      ...(loaded.words && { words: loaded.words }),
      sampler: samplerNames[preset.defaults.method],
      ...(upsampler && { upsampler: { name: last.name, weights: upsampler.sha256 } }),
      defaults: { ...size, fps: last.defaults.fps, steps, guidance },
      limits: { ...size, images: Math.min(...needs.map(({ preset: { encoder } }) => encoder.images)) },
      multiple: last.patch,
    },
  });
} catch (thrown) {
  send({ type: 'unfit', error: errorFields(thrown) });
  process.exitCode = 1;
  process.disconnect();
}

// The model process: loads one model, draws so many videos at once as it is told, says how far they are. Started by denoiser.ts with
// one JSON argument; ends when its parent does.
import { VimiError } from '../../core/errors.js';
import { KnownReadings, Readings } from '../encoders/known-readings.js';
import { openEncoder } from '../encoders/open-encoder.js';
import { followsPaths } from '../networks/prompt-input.js';
import type { GenerateInput, RgbImage } from '../ports.js';
import { sizeOfVideo } from '../presets/presets.js';
import { checkCascade, generate } from '../sampling/generate.js';
import { Rounds } from '../sampling/rounds.js';
import { samplerNames } from '../sampling/sampler.js';
import { loadModel } from '../weights/load-model.js';
import type { FromProcess, ProcessOptions, ToProcess } from './denoiser-messages.js';
import { measureBudget, mostOf, trialOf } from './measure-budget.js';
import { nearEnd } from './near-end.js';
import { errorFields, insideProcess } from './own-process.js';
import { Places } from './places.js';
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
  const places = new Places(1);
  const rounds = new Rounds({
    onFewer(atOnce) {
      places.most = Math.min(places.most, atOnce);
      send({ type: 'fewer', atOnce });
    },
  });
  const known = new KnownReadings();
  const draw = async (job: number, input: GenerateInput, signal: AbortSignal) => {
    const leave = await places.take(signal);
    const [seat, readings] = [rounds.seat(), new Readings(known)];
    try {
      send({ type: 'begun', job });
      let shown = Number.NEGATIVE_INFINITY;
      const end = nearEnd(
        () => send({ type: 'last', job }),
        () => performance.now(),
      );
      const video = await generate(loaded, input, {
        ...{ upsampler, encoder, graphs, seat, readings, signal },
        onStep(done, total) {
          send({ type: 'step', job, done, total });
          if (done < total) end.atStep(done, total);
        },
        onLast: end.atLast,
        onEstimate(frame: () => RgbImage) {
          const now = performance.now();
          if (now - shown < previewMs) return;
          shown = now;
          send({ type: 'preview', job, frame: frame() });
        },
      });
      send({ type: 'done', job, video, seconds: seat.leave() / 1000, readings: readings.counts });
    } finally {
      seat.leave();
      leave();
    }
  };
  const hear = {
    generate({ job, input }: Extract<ToProcess, { type: 'generate' }>) {
      const abort = new AbortController();
      cancelled.set(job, abort);
      draw(job, input, abort.signal)
        .catch((thrown) => send({ type: 'failed', job, error: errorFields(thrown) }))
        .finally(() => cancelled.delete(job));
    },
    cancel: ({ job }: Extract<ToProcess, { type: 'cancel' }>) => cancelled.get(job)?.abort(),
    'at-once'({ atOnce }: Extract<ToProcess, { type: 'at-once' }>) {
      rounds.most = atOnce;
      places.most = atOnce;
    },
    async measure() {
      const trial = { models, graphs, alone: <R>(piece: () => Promise<R>) => rounds.between(piece) };
      const budget = await measureBudget((atOnce) => trialOf(trial, atOnce), mostOf(graphs)).catch(() => ({
        ...{ atOnce: 1, gains: [] },
      }));
      send({ type: 'measured', budget });
    },
  };
  process.on('message', (message: ToProcess) => void hear[message.type](message as never));
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
      ...(followsPaths(preset) && { path: preset.frames }),
    },
  });
} catch (thrown) {
  send({ type: 'unfit', error: errorFields(thrown) });
  process.exitCode = 1;
  process.disconnect();
}

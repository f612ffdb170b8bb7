import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { asVimiError } from '../../../../src/core/errors.js';
import { encodeVideo } from '../../../../src/media/encode-video.js';
import { decodeImage } from '../../../../src/media/images.js';
import type { GenerateInput } from '../../../../src/models/ports.js';
import { type Makes, openAiDialect } from '../../../../src/models/servers/remote/openai-dialects.js';
import { createRemoteDenoiser } from '../../../../src/models/servers/remote/remote-denoiser.js';
import { testFolder } from '../../../media/make-media.js';
import { type AskedCall, type ScriptedAnswer, ScriptedServer } from './scripted-server.js';

/*
 * Exchanges written after the documentation of both servers (vLLM-Omni: docs/serving/videos_api.md; SGLang-Diffusion:
 * docs/diffusion/api/openai_api.md), replayed over HTTP. Neither server was run.
 */

const folder = await testFolder();
const output = join(folder, 'video.mp4');
const size = { frames: 5, width: 32, height: 16 };
const grey = Buffer.alloc(5 * 32 * 16 * 3, 128);
await encodeVideo({ ...size, frames: grey, fps: 8, crf: 1, scale: 1, output, signal: new AbortController().signal });
const mp4 = await readFile(output);

const makes: Makes = {
  ...{ ...size, fps: 8, steps: 4, guidance: 5, multiple: 16, frame_counts: { every: 4, plus: 1 } },
  images: { most: 2, role: 'subject' },
};
const red = { width: 2, height: 2, data: new Uint8Array(Array(4).fill([255, 0, 0]).flat()) };
const input: GenerateInput = {
  prompt: {
    ...{ task: 'text-to-video', instruction: '' },
    parts: [{ text: 'a red fox.' }, { pixels: red, role: 'reference' }, { text: 'A fox runs.' }],
  },
  ...{ ...size, fps: 8, steps: 4, guidance: { text: 5, image: 5 }, seed: 3 },
};
const never = new AbortController().signal;
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** What was recorded, by the beginning of `METHOD /path`: a list in its order, the last one for ever. */
async function replay(dialect: 'vllm-omni' | 'sglang', recorded: Record<string, ScriptedAnswer[]>, made = makes) {
  const server = await ScriptedServer.start(({ method, path }) => {
    const name = Object.keys(recorded)
      .filter((one) => `${method} ${path}`.startsWith(one))
      .sort((a, b) => b.length - a.length)[0];
    const answers = name === undefined ? undefined : recorded[name];
    return answers
      ? answers.length > 1
        ? answers.shift()
        : answers[0]
      : { status: 404, json: { detail: 'Not Found' } };
  });
  const clock = {
    ...{ now: () => 0, elapsed: () => performance.now() },
    sleep: (ms: number, signal?: AbortSignal) =>
      ms < 5000
        ? Promise.resolve()
        : new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true })),
  };
  const spoken = openAiDialect({ url: server.url, workDir: folder }, dialect, made);
  const denoiser = createRemoteDenoiser({ dialect: spoken, where: server.url, runSeconds: 60, clock });
  open.push(denoiser, server);
  return { server, denoiser };
}

async function formOf({ bytes, headers }: AskedCall) {
  const form = await new Response(new Uint8Array(bytes), {
    headers: { 'content-type': headers['content-type']! },
  }).formData();
  return Object.fromEntries(form);
}

const video = { bytes: mp4, type: 'video/mp4' };
const vllm = {
  'GET /v1/models': [
    { json: { object: 'list', data: [{ id: 'Wan-AI/Wan2.1-VACE-1.3B-diffusers', object: 'model' }] } },
  ],
  'POST /v1/videos': [{ json: { id: 'video-123', status: 'queued', created_at: 1701234567 } }],
  'GET /v1/videos/video-123': [
    { json: { id: 'video-123', object: 'video', status: 'queued', progress: 0 } },
    { json: { id: 'video-123', object: 'video', status: 'in_progress', progress: 0 } },
    { json: { id: 'video-123', object: 'video', status: 'completed', progress: 100, error: null } },
  ],
  'GET /v1/videos/video-123/content': [video],
  'DELETE /v1/videos/video-123': [{ json: { id: 'video-123', object: 'video.deleted', deleted: true } }],
};
const sglang = {
  'GET /models': [{ json: { model_path: 'Wan-AI/Wan2.1-I2V-14B', task_type: 'I2V', pipeline_class: 'WanPipeline' } }],
  'POST /v1/videos': [{ json: { id: 'ab12', object: 'video', status: 'queued', progress: 0, seconds: '4', size: '' } }],
  'GET /v1/videos/ab12': [
    { json: { id: 'ab12', object: 'video', status: 'in_progress', progress: 50 } },
    { json: { id: 'ab12', object: 'video', status: 'completed', progress: 100, file_path: '/outputs/ab12.mp4' } },
  ],
  'GET /v1/videos/ab12/content': [video],
};

describe('vLLM-Omni', () => {
  it('is asked in its words, and its MP4 becomes frames', async () => {
    const { server, denoiser } = await replay('vllm-omni', vllm);
    const made = await denoiser.generate(input, { signal: never });
    expect(made.video).toMatchObject(size);
    expect(Math.max(...made.video.data.map((value) => Math.abs(value - 128)))).toBeLessThan(4);
    expect(made.asked).toMatchObject({ num_frames: 5, references: [{ role: 'subject' }] });
    const form = await formOf(server.calls('POST')[0]!);
    expect(form).toEqual({
      ...{ prompt: 'A fox runs. Image 1 shows a red fox.', width: '32', height: '16', num_frames: '5', fps: '8' },
      ...{ num_inference_steps: '4', guidance_scale: '5', seed: '3', image_reference: expect.any(String) },
    });
    const { image_url } = JSON.parse(String(form.image_reference));
    const [start, base64] = image_url.split(',');
    expect(start).toBe('data:image/png;base64');
    expect(await decodeImage(Buffer.from(base64, 'base64'), 'sent')).toEqual({ ...red, data: Buffer.from(red.data) });
  });

  it('gets several references as a list', async () => {
    const { server, denoiser } = await replay('vllm-omni', vllm);
    const image = { pixels: red, role: 'subject' as const };
    const parts = [image, image, { text: 'A fox' }];
    await denoiser.generate({ ...input, prompt: { ...input.prompt, parts } }, { signal: never });
    const { image_reference } = await formOf(server.calls('POST')[0]!);
    expect(JSON.parse(String(image_reference))).toHaveLength(2);
  });

  it('is told of a cancellation by DELETE', async () => {
    const running = [{ json: { id: 'video-123', status: 'in_progress', progress: 0 } }];
    const { server, denoiser } = await replay('vllm-omni', { ...vllm, 'GET /v1/videos/video-123': running });
    const abort = new AbortController();
    const making = denoiser.generate(input, { signal: abort.signal });
    while (server.calls('GET /v1/videos/video-123').length < 3) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await expect(making).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(server.calls('DELETE')).toHaveLength(1);
  });

  it.each([
    [
      'a failed job',
      {
        'GET /v1/videos/video-123': [
          { json: { id: 'video-123', status: 'failed', error: { code: 500, message: 'CUDA out of memory' } } },
        ],
      },
      'MODEL_SERVER_REFUSED',
      '500: CUDA out of memory',
    ],
    [
      'a refusal',
      { 'POST /v1/videos': [{ status: 400, json: { detail: 'image_reference is invalid' } }] },
      'MODEL_SERVER_REFUSED',
      'image_reference is invalid',
    ],
    ['a server without models', { 'GET /v1/models': [{ json: { data: [] } }] }, 'MODEL_SERVER_UNAVAILABLE', 'no model'],
  ])('is understood: %s', async (_, changed: Record<string, ScriptedAnswer[]>, code, text) => {
    const { denoiser } = await replay('vllm-omni', { ...vllm, ...changed });
    const error = await denoiser.generate(input, { signal: never }).catch(asVimiError);
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(text);
  });
});

describe('SGLang-Diffusion', () => {
  const one: Makes = { ...makes, images: { most: 1, role: 'first-frame' } };
  const prompt = { ...input.prompt, parts: [{ pixels: red, role: 'first-frame' as const }, { text: 'It runs' }] };

  it('is asked in its words, and tells its progress', async () => {
    const { server, denoiser } = await replay('sglang', sglang, one);
    const steps: number[] = [];
    const { video } = await denoiser.generate({ ...input, prompt }, { signal: never, onStep: (n) => steps.push(n) });
    expect(video).toMatchObject(size);
    expect(steps).toEqual([2, 4]);
    const form = await formOf(server.calls('POST')[0]!);
    expect(form).toMatchObject({ prompt: 'It runs', num_frames: '5', width: '32', height: '16', seed: '3' });
    const file = form.input_reference as unknown as File;
    expect([file.name, file.type]).toEqual(['reference.png', 'image/png']);
    expect((await decodeImage(Buffer.from(await file.arrayBuffer()), 'sent')).width).toBe(2);
  });

  it('is described by the topology, and by its own name', async () => {
    const { denoiser } = await replay('sglang', sglang, one);
    const { weights, ...description } = await denoiser.describe();
    expect(weights).toBeUndefined();
    expect(description).toMatchObject({
      ...{ name: 'Wan-AI/Wan2.1-I2V-14B', server: { dialect: 'sglang' }, multiple: 16 },
      ...{ limits: { frames: 5, width: 32, height: 32, images: 1 }, takes: { roles: ['first-frame'], clips: 0 } },
    });
  });
});

it.each([
  ['half a frame a second', { fps: 7.5 }, 'fps: a whole number'],
  ['a weight for images alone', { guidance: { text: 5, image: 2 } }, 'guidance of images: 1, or 5'],
])('has no words for %s', async (_, changes, text) => {
  const { denoiser } = await replay('sglang', sglang);
  const error = await denoiser.generate({ ...input, ...changes }, { signal: never }).catch(asVimiError);
  expect(error).toMatchObject({ code: 'REQUEST_UNSUPPORTED' });
  expect(String(error)).toContain(text);
});

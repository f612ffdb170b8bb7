import { resolve } from 'node:path';
import { z } from 'zod';
import { ruleFor, urlOf } from '../../core/hosts.js';
import { checkAgainst, conceal } from './against.js';
import { duration } from './duration.js';
import { type Mistakes, quote } from './mistake.js';
import { namedEntries } from './sections.js';
import { type Placed, reportUnset } from './source.js';

/** No query: the paths of the API are appended to it. */
const isServer = (text: string) => {
  const url = urlOf(text);
  return url !== null && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash;
};

const whole = (most: number) => z.number().int().min(1).max(most);

/** What a server draws that does not say so itself. */
const makes = z.strictObject({
  ...{ frames: whole(1024), width: whole(4096), height: whole(4096), fps: z.number().min(0.1).max(240) },
  ...{ steps: whole(1000), guidance: z.number().min(0).max(50) },
  ...{ max_frames: whole(1024).optional(), max_side: whole(4096).optional(), multiple: whole(256).default(16) },
  frame_counts: z.strictObject({ every: whole(64), plus: z.number().int().min(0).max(63) }).optional(),
  images: z.strictObject({ most: whole(16), role: z.enum(['subject', 'first-frame']) }).optional(),
});

/** A model that a server has, under a name of the topology's own. */
export const remoteModel = z.strictObject({
  type: z.literal('remote'),
  url: z
    .string()
    .max(2000)
    .refine(isServer, 'http:// or https:// and a host of model_hosts, without a query or a password')
    .describe('Of the model server; /v1/videos is appended. Its host stands in model_hosts.'),
  dialect: z
    .enum(['vimi', 'vllm-omni', 'sglang'])
    .default('vimi')
    .describe('Whose words the server speaks. vimi: those of infra/model-server and of every vimi.'),
  makes: makes
    .optional()
    .describe(
      'For the dialects that do not say it: what a video has whose request says nothing, its limits, and how many images of which role are taken.',
    ),
  model: z.string().min(1).max(200).optional().describe('Which of its models; its first when left out.'),
  // What no header can hold would stand in the message of whoever tries.
  api_key: z
    .string()
    .max(4096)
    .regex(/^[\x21-\x7e]+$/, 'letters, digits and signs of ASCII, without spaces')
    .optional()
    .describe('From the environment or a file. Sent as a bearer token.'),
  ca: z.string().min(1).max(4096).optional().describe('A file of authorities in PEM, instead of the system’s.'),
  run_limit: duration
    .default(3_600_000)
    .describe(
      'The most time for one video from its first step on, such as 30m. Waiting in the server’s queue does not count. Default 1h.',
    ),
});
export type RemoteModel = z.output<typeof remoteModel>;

/** A model of this machine, drawn by one or several processes, under a name of the topology's own. */
export const ownModel = z.strictObject({
  type: z.literal('own'),
  model: z.string().min(1).max(4096).default('nano').describe('Preset, or path of a weights file.'),
  upsampler: z.string().min(1).max(4096).optional().describe('The same for the model that enlarges its videos.'),
  encoder: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .describe('Folder of a frozen language model, for models that need one.'),
  backend: z.enum(['auto', 'onnx', 'tensorflow', 'webgpu', 'wasm']).default('auto').describe('What it runs on.'),
  processes: whole(64).optional().describe('Processes that draw, each with the whole model. Default 1.'),
  devices: z
    .array(z.union([z.number().int().min(0).max(63), z.literal('cpu')]))
    .min(1)
    .max(64)
    .optional()
    .describe(
      'Instead of processes: a process for each of these, graphics processors by CUDA’s index or cpu. On tensorflow.',
    ),
  threads: whole(1024)
    .optional()
    .describe(
      'Of each process; only tensorflow and onnx have several. Default: the processors shared out evenly, or all for one process.',
    ),
});
export type OwnModel = z.output<typeof ownModel>;

/** What a model of this section can be, by its `type`. */
export const modelKinds = { own: ownModel, remote: remoteModel } as const;
export type NamedModel = OwnModel | RemoteModel;

/** By name; paths are absolute. */
export function readModels(
  node: Placed | undefined,
  { folder, hosts }: { folder: string; hosts: readonly string[] },
  mistakes: Mistakes,
): Map<string, NamedModel> {
  const models = new Map<string, NamedModel>();
  if (!node) return models;
  reportUnset(node, mistakes);
  for (const { name, value } of namedEntries(node, 'model', mistakes)) {
    const what = `model '${name}'`;
    const type = value.kind === 'map' ? value.entries.get('type')?.value : undefined;
    const isOwn = type?.kind === 'scalar' && type.value === 'own';
    const model = isOwn ? readOwn(value, what, folder, mistakes) : readRemote(value, what, { folder, hosts }, mistakes);
    if (model) models.set(name, model);
  }
  return models;
}

function readOwn(value: Placed, what: string, folder: string, mistakes: Mistakes): OwnModel | undefined {
  const model = checkAgainst(ownModel, value, what, mistakes);
  if (!model) return undefined;
  const { processes, devices, backend, encoder } = model;
  if (processes !== undefined && devices !== undefined)
    mistakes.add(
      'value',
      value.place,
      `${what}: processes and devices: a process for each device is what devices means: leave processes out`,
    );
  if (devices?.some((device) => device !== 'cpu') && !['auto', 'tensorflow'].includes(backend))
    mistakes.add('value', value.place, `${what}: devices: the backend ${backend} knows none: expected tensorflow`);
  return { ...model, ...(encoder !== undefined && { encoder: resolve(folder, encoder) }) };
}

function readRemote(
  value: Placed,
  what: string,
  { folder, hosts }: { folder: string; hosts: readonly string[] },
  mistakes: Mistakes,
): RemoteModel | undefined {
  const model = checkAgainst(remoteModel, value, what, mistakes);
  if (!model) return undefined;
  if ((model.makes === undefined) !== (model.dialect === 'vimi')) {
    const text =
      model.dialect === 'vimi'
        ? 'makes: a server of the dialect vimi says itself what it makes: leave it out'
        : `missing makes: a server of the dialect ${model.dialect} does not say what it makes`;
    mistakes.add(model.makes ? 'value' : 'missing-key', value.place, `${what}: ${text}`);
  }
  const url = urlOf(model.url);
  if (!url || ruleFor(url, hosts) === undefined)
    mistakes.add(
      'value',
      value.place,
      conceal(value, `${what} calls ${quote(model.url)}, whose host is not in model_hosts: add it there`),
    );
  return { ...model, ...(model.ca !== undefined && { ca: resolve(folder, model.ca) }) };
}

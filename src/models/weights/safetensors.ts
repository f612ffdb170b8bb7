import { createHash } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { VimiError } from '../../core/errors.js';
import { type ParameterSpec, sizeOf } from '../networks/parameters.js';
import { fromBrainFloat, fromHalf, toHalf } from '../numerics/half.js';

/**
 * Weights as safetensors: 8 bytes, little endian, the header's length; the header, JSON of
 * { name: { dtype, shape, data_offsets: [from, to] }, ..., "__metadata__": { text: text } }; then the numbers, back to back.
 *
 * A file is believed only after every claim of its header has been compared with the others and with its size.
 */
export interface WeightsFile {
  tensors: Map<string, { shape: number[]; values: Float32Array }>;
  /** The model card: what the weights are and how they were made. */
  metadata: Record<string, string>;
  /** Of the whole file. */
  sha256: string;
}

/** The types of numbers that are read. F32 and F16 are also written. */
const types = {
  F32: { bytes: 4, read: (own: ArrayBuffer) => new Float32Array(own) },
  F16: { bytes: 2, read: (own: ArrayBuffer) => fromHalf(new Uint16Array(own)) },
  BF16: { bytes: 2, read: (own: ArrayBuffer) => fromBrainFloat(new Uint16Array(own)) },
} as const;
type NumberType = keyof typeof types;
const longestHeader = 16 * 1024 * 1024;

/** WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED. */
export async function readWeights(path: string): Promise<WeightsFile> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new VimiError('WEIGHTS_NOT_FOUND', 'The weights cannot be read', {
      found: (cause as Error).message,
      where: path,
      cause,
    });
  }
  return parseWeights(bytes, path);
}

export function parseWeights(bytes: Buffer, where: string): WeightsFile {
  const damaged = (summary: string, expected?: string, found?: unknown) =>
    new VimiError('WEIGHTS_DAMAGED', summary, {
      expected,
      found: found === undefined ? undefined : String(found),
      where,
    });
  if (bytes.length < 10) throw damaged('The file is too short for a header', 'at least 10 bytes', bytes.length);
  const length = Number(bytes.readBigUInt64LE(0));
  if (length > longestHeader || length > bytes.length - 8)
    throw damaged(
      'The header does not fit into the file',
      `at most ${Math.min(longestHeader, bytes.length - 8)} bytes`,
      length,
    );
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length)));
  } catch (cause) {
    throw damaged('The header is not JSON', undefined, cause instanceof Error ? cause.message : cause);
  }
  if (!isRecord(header)) throw damaged('The header is not an object');
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string'))
    throw damaged('The metadata are not texts', '{ name: text }');

  const data = bytes.subarray(8 + length);
  const tensors: WeightsFile['tensors'] = new Map();
  const spans: { from: number; to: number; name: string; dtype: NumberType; shape: number[] }[] = [];
  for (const [name, entry] of Object.entries(entries)) {
    if (!isRecord(entry)) throw damaged(`${name}: not a tensor's description`);
    const { dtype, shape, data_offsets: offsets } = entry;
    if (!isNumberType(dtype))
      throw damaged(`${name}: unknown type of numbers`, Object.keys(types).join(', '), JSON.stringify(dtype));
    if (!Array.isArray(shape) || shape.length > 8 || !shape.every((d) => Number.isSafeInteger(d) && d >= 0))
      throw damaged(`${name}: bad shape`, 'up to 8 counts', JSON.stringify(shape));
    if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every((o) => Number.isSafeInteger(o) && o >= 0))
      throw damaged(`${name}: bad offsets`, '[from, to]', JSON.stringify(offsets));
    const [from, to] = offsets as [number, number];
    const size = (shape as number[]).reduce((product, d) => product * d, 1);
    if (to - from !== size * types[dtype].bytes)
      throw damaged(
        `${name}: the offsets do not fit the shape`,
        `${size * types[dtype].bytes} bytes`,
        `${to - from} bytes`,
      );
    if (to > data.length) throw damaged(`${name}: the numbers end early`, `${to} bytes`, `${data.length} bytes`);
    spans.push({ from, to, name, dtype, shape: shape as number[] });
  }
  // Back to back: no gaps, no overlaps, nothing after the last.
  let end = 0;
  for (const { from, to, name } of spans.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== end) throw damaged(`${name}: a gap or an overlap before its numbers`, `offset ${end}`, from);
    end = to;
  }
  if (end !== data.length) throw damaged('Bytes are left over', `${end} bytes`, `${data.length} bytes`);
  // Only now are numbers copied: overlapping claims could ask for any amount of memory.
  for (const { from, to, name, dtype, shape } of spans) {
    const own = Uint8Array.from(data.subarray(from, to)).buffer; // typed arrays want aligned bytes
    tensors.set(name, { shape, values: types[dtype].read(own) });
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { tensors, metadata: metadata as Record<string, string>, sha256 };
}

export interface WriteOptions {
  metadata?: Record<string, string>;
  dtype?: 'F32' | 'F16';
}

/** The same tensors give the same bytes: names in order, nothing of the clock. */
export function serializeWeights(
  tensors: ReadonlyMap<string, { shape: readonly number[]; values: Float32Array }>,
  { metadata = {}, dtype = 'F16' }: WriteOptions = {},
): Buffer {
  const header: Record<string, unknown> = { __metadata__: metadata };
  const parts: Buffer[] = [];
  let at = 0;
  for (const name of [...tensors.keys()].sort()) {
    const { shape, values } = tensors.get(name)!;
    const numbers = dtype === 'F16' ? toHalf(values) : values;
    const part = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    header[name] = { dtype, shape, data_offsets: [at, at + part.length] };
    at += part.length;
    parts.push(part);
  }
  const text = JSON.stringify(header);
  const padded = Buffer.from(text + ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, ...parts]);
}

/** Writes beside and renames: a reader sees the old file or the new one. Returns the SHA-256. */
export async function writeWeights(
  path: string,
  tensors: Parameters<typeof serializeWeights>[0],
  options?: WriteOptions,
): Promise<string> {
  const bytes = serializeWeights(tensors, options);
  const beside = `${path}.tmp`;
  const file = await open(beside, 'w');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  return createHash('sha256').update(bytes).digest('hex');
}

/** Every parameter there, of its shape, finite, and none besides: else WEIGHTS_DAMAGED. */
export function checkWeights(file: Pick<WeightsFile, 'tensors'>, specs: readonly ParameterSpec[], where: string): void {
  const damaged = (summary: string, expected?: string, found?: string) =>
    new VimiError('WEIGHTS_DAMAGED', summary, { expected, found, where });
  for (const spec of specs) {
    const tensor = file.tensors.get(spec.name);
    if (!tensor) throw damaged('A parameter is missing', spec.name);
    if (tensor.shape.join() !== spec.shape.join() || tensor.values.length !== sizeOf(spec))
      throw damaged(`${spec.name} has another shape`, `[${spec.shape}]`, `[${tensor.shape}]`);
    if (!tensor.values.every(Number.isFinite)) throw damaged(`${spec.name} holds numbers that are not finite`);
  }
  if (file.tensors.size !== specs.length) {
    const names = new Set(specs.map((spec) => spec.name));
    throw damaged(
      'Parameters that the model does not have',
      undefined,
      [...file.tensors.keys()].filter((n) => !names.has(n)).join(', '),
    );
  }
}

function isNumberType(dtype: unknown): dtype is NumberType {
  return typeof dtype === 'string' && Object.hasOwn(types, dtype);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

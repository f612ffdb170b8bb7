// @ts-nocheck: a plain script
/** Nets of strangers, opened in WebAssembly as vimi opens them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openNet } from '../../../dist/models/encoders/onnx/net.js';

const fixtures = join(import.meta.dirname, '../../models/encoders/onnx/fixtures');
const folder = mkdtempSync(join(tmpdir(), 'vimi-fuzz-onnx-'));
export const close = () => rmSync(folder, { recursive: true, force: true });

export const valid = () =>
  readdirSync(fixtures, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.onnx'))
    .map((name) => readFileSync(join(fixtures, name)))
    .filter(({ length }) => length < 100_000);

/** Other bytes in the places of as many, so that the lengths of its messages fit. */
export function change(bytes, _, random) {
  const made = Buffer.from(bytes);
  for (let n = 0; n <= random() * 3; n++) made[Math.floor(random() * made.length)] = Math.floor(random() * 256);
  return made;
}

/** No message of Protocol Buffers. */
export const isFirstCheck = ({ found }) => /protobuf parsing failed|ERROR_CODE: 7/.test(found);

export async function run(bytes) {
  const file = join(folder, 'net.onnx');
  writeFileSync(file, bytes);
  await (await openNet(file)).close();
}

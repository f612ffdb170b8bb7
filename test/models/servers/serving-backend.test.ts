import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { nativeRuntime } from '../../../src/models/onnx-runtime.js';
import { createDenoiser } from '../../../src/models/servers/denoiser.js';
import { openServing } from '../../../src/models/servers/serving-backend.js';

afterEach(() => vi.unstubAllEnvs());

const installed = await nativeRuntime().then(
  () => true,
  () => false,
);

test('onnx runs graphs, and says with what', async () => {
  const { description, graphs, note } = await openServing('onnx', { threads: 1 });
  expect(description).toMatch(/^onnx \(onnxruntime-(node|web) \d+\.\d+\.\d+, one thread\)$/);
  expect(graphs).toBeDefined();
  expect(note).toBeUndefined();
});

test('auto leaves onnx out when it is told to, and says why in one line', async () => {
  vi.stubEnv('VIMI_TENSORFLOW', '/nowhere');
  const { description, graphs, note } = await openServing('auto', { withoutOnnx: 'it died\nhere' });
  expect(description).toMatch(/^wasm/);
  expect(graphs).toBeUndefined();
  expect(note).toBe(`on ${description} and not on onnx: it died`);
});

test.skipIf(!installed)('a runtime that kills the process is left out at the next start', async () => {
  const trap = join(tmpdir(), `vimi-trap-${process.pid}.cjs`);
  await writeFile(
    trap,
    `const load = process.dlopen;
     process.dlopen = function (module, file, ...rest) {
       if (String(file).includes('onnxruntime')) process.kill(process.pid, 'SIGILL');
       return load.call(this, module, file, ...rest);
     };`,
  );
  vi.stubEnv('NODE_OPTIONS', `--require ${trap}`);
  vi.stubEnv('VIMI_TENSORFLOW', '/nowhere');
  const lines: string[] = [];
  const denoiser = await createDenoiser({ model: 'nano', log: (line) => lines.push(line) });
  expect((await denoiser.describe()).backend).toMatch(/^wasm/);
  expect(lines.join('\n')).toMatch(/not on onnx: the model process died with it: SIGILL/);
  await denoiser.close();
});

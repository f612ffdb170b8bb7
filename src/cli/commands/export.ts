import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VimiError } from '../../core/errors.js';
import { scaled } from '../scaled.js';

/** Writes a trained model into a folder, as ONNX files that any runtime reads. */
export async function exportTo(model: string, folder: string, out: NodeJS.WritableStream): Promise<void> {
  const { openBackend } = await import('../../models/backends/backend.js');
  const { exportModel } = await import('../../models/graphs/export/export-model.js');
  const { loadModel } = await import('../../models/weights/load-model.js');
  if (model === 'fake')
    throw new VimiError('MODEL_UNKNOWN', 'The fake model has no networks', { expected: 'a preset, or a weights file' });
  await openBackend('wasm');
  const files = exportModel(await loadModel(model));
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  } catch (cause) {
    throw new VimiError('FILE_UNUSABLE', 'The files cannot be written', {
      found: (cause as Error).message,
      where: folder,
      cause,
    });
  }
  for (const [name, bytes] of files) out.write(`${join(folder, name)}  ${scaled(bytes.length, 'B')}\n`);
}

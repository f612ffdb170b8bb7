import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { probeMedia } from '../../src/media/probe-media.js';
import { never, testFolder } from '../media/make-media.js';
import { patience } from '../support/patience.js';

const root = join(import.meta.dirname, '../..');

it('the client in Node saves the video that another process makes', { timeout: patience(240) }, async () => {
  const folder = await testFolder();
  // As installed: it knows vimi by its name alone.
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/vimi'));
  cpSync(join(root, 'examples/clients/node/make-video.mjs'), join(folder, 'make-video.mjs'));
  const shipped = readFileSync(join(root, 'topology.yaml'), 'utf8');
  writeFileSync(join(folder, 'topology.yaml'), shipped.replace(/model: nano, upsampler: [\w-]+/, 'model: fake'));

  const service = spawn(process.execPath, [join(root, 'dist/cli/main.js'), 'run', '--pipeline', 'generate'], {
    cwd: folder,
    stdio: 'ignore',
  });
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['make-video.mjs', 'a fox moves left', 'fox.mp4'], {
      cwd: folder,
    });
    const told = stdout.trim().split('\n');
    expect(told[0]).toBe('queued ');
    expect(told.at(-1)).toBe('completed 1');
    const probe = await probeMedia(join(folder, 'fox.mp4'), { maxPixels: 1_000_000, signal: never });
    expect(probe.kind).toBe('video');
  } finally {
    const gone = once(service, 'exit');
    service.kill('SIGTERM');
    await gone;
  }
});

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { testFolder } from '../media/make-media.js';

const folder = await testFolder();

it.skipIf(process.platform === 'win32')(
  '[safety S5] [safety S16] once more leaves now, though every thread that reads files waits for ever',
  async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const module = pathToFileURL(join(import.meta.dirname, '../../dist/cli/leave-now.js')).href;
    const script = `
      import { open } from 'node:fs/promises';
      import { leaveNow } from '${module}';
      process.on('SIGINT', () => leaveNow());
      setInterval(() => {}, 1000);
      for (let n = 0; n < 8; n++) open('${pipe}');
      setImmediate(() => process.stdout.write('waiting'));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([null, 'SIGINT']);
  },
);

/**
 * node infra/swiftshader.mjs COMMAND...   Runs a command where WebGPU has an adapter in software: SwiftShader, as Debian's
 * chromium brings it. Slow, and the same on every machine: for the tests of the webgpu backend.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';

const folder = process.env.VIMI_SWIFTSHADER ?? '/usr/lib/chromium';
const driver = join(folder, 'vk_swiftshader_icd.json');
const [command, ...rest] = process.argv.slice(2);
if (!command) {
  console.error('usage: node infra/swiftshader.mjs COMMAND...');
  process.exit(2);
}
if (!existsSync(driver)) {
  console.error(
    `There is no SwiftShader at ${folder}. Install chromium (Debian: apt-get install chromium), or name the folder of another in VIMI_SWIFTSHADER.`,
  );
  process.exit(1);
}
const child = spawn(command, rest, {
  stdio: 'inherit',
  env: {
    ...process.env,
    VK_ICD_FILENAMES: driver,
    // Chromium's libvulkan.so.1 lies beside the driver; a loader that is installed comes first in any case.
    LD_LIBRARY_PATH: [process.env.LD_LIBRARY_PATH, folder].filter(Boolean).join(delimiter),
  },
});
child.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal ?? 'SIGTERM']));
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => child.kill(/** @type {NodeJS.Signals} */ (signal)));

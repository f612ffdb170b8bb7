import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeWorkFolder } from '../../src/app/work-folder.js';
import { temporaryFolder } from '../streams/delivery/pipeline-fixtures.js';
import { patient } from '../support/patience.js';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());
const folders = () => readdirSync(folder.path).filter((name) => !name.startsWith('.'));

/** Another process that has a work folder until it is killed. */
async function other() {
  const module = join(import.meta.dirname, '../../dist/app/work-folder.js');
  const script = `const { makeWorkFolder } = await import(${JSON.stringify(module)});
    process.stdout.write((await makeWorkFolder(${JSON.stringify(folder.path)}, 'p')).path); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [path] = await once(child.stdout, 'data');
  return { child, path: String(path) };
}

describe('work folders', () => {
  it('[safety S13] of processes that were killed are removed, those of living ones are not', async () => {
    const [living, killed] = [await other(), await other()];
    try {
      writeFileSync(join(killed.path, 'frames'), 'half');
      killed.child.kill('SIGKILL');
      await once(killed.child, 'exit');
      const own = await makeWorkFolder(folder.path, 'p');
      expect(existsSync(killed.path)).toBe(false);
      expect(existsSync(living.path)).toBe(true);
      await own.remove();
      expect(folders()).toHaveLength(1);
    } finally {
      living.child.kill('SIGKILL');
    }
  });

  it('[safety S13] are removed whatever number their process had: in a container the next one has the same', async () => {
    for (const name of [`p.${process.pid}.abc`, `p.${process.ppid}.abc`, 'p.1.abc', 'p.xyz']) {
      mkdirSync(join(folder.path, name));
      writeFileSync(join(folder.path, name, 'left'), '');
    }
    const own = await makeWorkFolder(folder.path, 'p');
    expect(folders()).toEqual([own.path.slice(folder.path.length + 1)]);
  });

  it('[kind 12] can be made by several at once', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => makeWorkFolder(folder.path, 'p')));
    for (const { path } of made) expect(existsSync(path)).toBe(true);
    await Promise.all(made.map((one) => one.remove()));
    await vi.waitFor(() => expect(folders()).toEqual([]), patient);
  });

  it(
    '[kind 12] are removed whole while others are made, which look into each of them',
    async () => {
      const cycle = async () => {
        for (let n = 0; n < 20; n++) {
          const made = await makeWorkFolder(folder.path, 'p');
          for (let file = 0; file < 10; file++) writeFileSync(join(made.path, `${file}`), '');
          await made.remove();
        }
      };
      await Promise.all(Array.from({ length: 6 }, cycle));
      expect(folders()).toEqual([]);
    },
    patient.timeout,
  );

  it('may be gone with all that holds them', async () => {
    const made = await makeWorkFolder(folder.path, 'p');
    rmSync(folder.path, { recursive: true });
    await made.remove();
    expect(existsSync(made.path)).toBe(false);
  });
});

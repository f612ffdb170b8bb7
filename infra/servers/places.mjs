// Where the local servers lie: all of it in .cache/infra (or $VIMI_INFRA), which can be removed when they are down.
import { randomInt } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const home = resolve(process.env.VIMI_INFRA ?? join(repository, '.cache', 'infra'));

/** Programs stay in .cache/infra whatever $VIMI_INFRA says: two sets of servers share them. */
export const programs = join(repository, '.cache', 'infra', 'programs');
/** pid files, logs, ports, settings. */
export const run = join(home, 'run');
export const data = join(home, 'data');
export const environmentFile = join(home, 'env');

mkdirSync(run, { recursive: true });
mkdirSync(data, { recursive: true });

/** Text that only this user may read, there as a whole or not at all. */
export function writePrivate(path, text) {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  chmodSync(`${path}.new`, 0o600);
  renameSync(`${path}.new`, path);
}

/** What one server was given once and keeps over restarts: ports, ids, keys. */
export function remembered(name, make) {
  const path = join(run, `${name}.json`);
  const known = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  return {
    known,
    async complete() {
      for (const [key, value] of Object.entries(make)) known[key] ??= await value();
      writePrivate(path, `${JSON.stringify(known, null, 2)}\n`);
      return known;
    },
  };
}

/**
 * A port of the loopback interface that nobody listens on now. Below 32,768: from there on the system gives ports to
 * outgoing connections, which could take a server's while it is down.
 */
export async function freePort() {
  for (;;) {
    const port = 20_000 + randomInt(12_000);
    if (await isFree(port)) return port;
  }
}

/** The first of `count` ports in a row. */
export async function freePorts(count) {
  for (;;) {
    const first = await freePort();
    const others = Array.from({ length: count - 1 }, (_, n) => isFree(first + n + 1));
    if ((await Promise.all(others)).every(Boolean)) return first;
  }
}

function isFree(port) {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}

/*
 * Writes what the documentation says of events, topics and operators, from their own definitions.
 *
 *   node dist/cli/generate-docs.js            writes; removes what is no longer generated
 *   node dist/cli/generate-docs.js --check    writes nothing; lists stale files and exits with 1 when there are any
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { operators } from '../operators/index.js';
import { readTopology } from '../streams/topology/read-topology.js';
import { generatedFiles, generatedFolders } from './docs/generated-files.js';
import { reportError } from './exit.js';
import { version } from './version.js';

const top = fileURLToPath(new URL('../../', import.meta.url));

async function main(check: boolean): Promise<number> {
  const topology = await readTopology(join(top, 'topology.yaml'), { env: {}, operators });
  const files = generatedFiles(topology, operators, version);
  const stale: string[] = [];
  for (const [path, content] of files) {
    const file = join(top, path);
    if (existsSync(file) && readFileSync(file, 'utf8') === content) continue;
    stale.push(path);
    if (check) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  for (const folder of generatedFolders)
    for (const name of existsSync(join(top, folder)) ? readdirSync(join(top, folder)) : []) {
      const path = `${folder}/${name}`;
      if (files.has(path)) continue;
      stale.push(path);
      if (!check) rmSync(join(top, path), { recursive: true });
    }
  for (const path of stale) console.log(check ? `stale: ${path}` : `wrote: ${path}`);
  if (check && stale.length > 0) console.log('run: node dist/cli/generate-docs.js');
  return check && stale.length > 0 ? 1 : 0;
}

main(process.argv.includes('--check')).then(
  (code) => {
    process.exitCode = code;
  },
  (thrown) => {
    process.exitCode = reportError(thrown);
  },
);

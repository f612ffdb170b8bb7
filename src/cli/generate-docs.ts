/*
 * Writes what the documentation says of events, topics and operators, from their own definitions.
 *
 *   node dist/cli/generate-docs.js            writes; removes what is no longer generated
 *   node dist/cli/generate-docs.js --check    writes nothing; lists stale files and exits with 1 when there are any
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { version } from '../core/version.js';
import { operators } from '../operators/index.js';
import { readTopology } from '../streams/topology/read-topology.js';
import { generatedFiles, generatedFolders } from './docs/generated-files.js';
import { servedOpenApi } from './docs/served-openapi.js';
import { updateFiles } from './docs/update-files.js';
import { reportError } from './exit.js';

const top = fileURLToPath(new URL('../../', import.meta.url));

async function main(check: boolean): Promise<number> {
  const shipped = join(top, 'topology.yaml');
  const topology = await readTopology(shipped, { env: {}, operators });
  const files = generatedFiles(
    topology,
    operators,
    version,
    readFileSync(shipped, 'utf8'),
    await servedOpenApi(shipped),
  );
  const stale = updateFiles(top, files, generatedFolders, check);
  for (const path of stale) console.log(check ? `stale: ${path}` : `updated: ${path}`);
  if (check && stale.length > 0) console.log('run: npm run build && node dist/cli/generate-docs.js');
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

// Real servers without Docker, for tests and for trying the cluster profile: Apache Kafka, an S3 server and Weaviate on free
// ports of the loopback interface.
//
//   node infra/servers.mjs up   [kafka] [s3] [weaviate]  starts what is not running, waits until it answers
//                       [--brokers 3] [--set name=value]   of Kafka, when it is started for the first time
//                       [--nodes 3]                        of Weaviate, likewise
//   node infra/servers.mjs down [NAME...] [--clean]      stops; --clean also forgets their data, ports and keys
//   node infra/servers.mjs install weaviate              only builds its program, which takes some minutes once
//   node infra/servers.mjs status
//
// Ports, keys and data stay the same over restarts. `source .cache/infra/env` tells a shell where the servers are, and
// `node --env-file=.cache/infra/env` a program. $VIMI_INFRA names another folder than .cache/infra: a second set.
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { certificate } from './servers/certificate.mjs';
import { kafka } from './servers/kafka.mjs';
import { alone } from './servers/lock.mjs';
import { data, environmentFile, run, writePrivate } from './servers/places.mjs';
import { logFile } from './servers/process.mjs';
import { s3 } from './servers/s3.mjs';
import { weaviate } from './servers/weaviate.mjs';

const all = [kafka, s3, weaviate];

async function up(servers, options) {
  for (const server of servers) {
    const before = server.running();
    if (before === null) await server.start(options);
    console.log(`${server.name}: ${before === null ? 'started' : 'running'} (pid ${server.running()})`);
  }
  const known = all.filter((server) => server.running() !== null).map((server) => server.environment());
  const lines = Object.entries(Object.assign({ TLS_CERTIFICATE: certificate().cert }, ...known)).map(
    ([name, value]) => `export ${name}=${value}`,
  );
  writePrivate(environmentFile, `${lines.join('\n')}\n`);
  console.log(`\n${shown(lines)}\n\nsource ${environmentFile}`);
}

async function down(servers, clean) {
  for (const server of servers) console.log(`${server.name}: ${(await server.stop()) ? 'stopped' : 'was not running'}`);
  if (clean) for (const place of [data, run, environmentFile]) rmSync(place, { recursive: true, force: true });
}

function install(servers) {
  for (const server of servers) server.install?.();
}

function status(servers) {
  for (const server of servers) {
    const pid = server.running();
    console.log(`${server.name}: ${pid === null ? 'down' : `running (pid ${pid}), log ${logFile(server.name)}`}`);
    if (pid === null) process.exitCode = 3;
  }
}

/** Without the secrets: they are in the file. */
function shown(lines) {
  return lines.map((line) => line.replace(/((?:SECRET_KEY|API_KEY|PASSWORD)=).*/, '$1...')).join('\n');
}

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      clean: { type: 'boolean' },
      brokers: { type: 'string', default: '1' },
      nodes: { type: 'string', default: '1' },
      set: { type: 'string', multiple: true, default: [] },
    },
  });
  const set = Object.fromEntries(values.set.map((one) => one.split(/=(.*)/s, 2)));
  const [command, ...names] = positionals;
  const servers = names.length > 0 ? names.map(named) : all;
  if (command === 'up')
    await alone(() => up(servers, { brokers: Number(values.brokers), nodes: Number(values.nodes), set }));
  else if (command === 'down' && values.clean && names.length > 0) throw new Error('--clean takes all servers');
  else if (command === 'down') await alone(() => down(servers, values.clean));
  else if (command === 'install') await alone(() => install(servers));
  else if (command === 'status') status(servers);
  else throw new Error('expected up, down, install or status');
} catch (error) {
  console.error(`infra: ${error.message}`);
  process.exitCode = 1;
}

function named(name) {
  const found = all.find((server) => server.name === name);
  if (found) return found;
  throw new Error(`no server is called '${name}': expected ${all.map((server) => server.name).join(' or ')}`);
}

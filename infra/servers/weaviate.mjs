// Weaviate, the distributed search engine: one node or several, built by Go.
//
// The API key is asked for because gRPC and the ports of the cluster listen on all interfaces, whatever --host says.
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { execute, installed, need } from './install.mjs';
import { data, freePort, freePorts, remembered } from './places.mjs';
import { running, start, stop, untilHealthy } from './process.mjs';

const version = 'v1.35.2';
// The gossip of a node takes two ports in a row, and so does Raft.
const ports = { port: freePort, grpc: freePort, gossip: () => freePorts(2), raft: () => freePorts(2) };
const settings = remembered('weaviate', {
  ...ports,
  /** The ports of the nodes after the first. */
  others: () => [],
  key: () => randomBytes(20).toString('hex'),
  inside: () => randomBytes(20).toString('hex'),
});

export const weaviate = {
  name: 'weaviate',
  running: () => (names().every((name) => running(name) !== null) ? running('weaviate') : null),
  async stop() {
    const stopped = await Promise.all(names().map((name) => stop(name)));
    return stopped.includes(true);
  },
  install,

  /** `nodes`, their number, stays what it was when they were started for the first time. */
  async start({ nodes: count = 1 } = {}) {
    const program = install();
    if (settings.known.key === undefined) {
      settings.known.others = [];
      for (let n = 1; n < count; n++) {
        const other = {};
        for (const [name, port] of Object.entries(ports)) other[name] = await port();
        settings.known.others.push(other);
      }
    }
    const known = await settings.complete();
    const starting = names().filter((name) => running(name) === null);
    for (const name of starting) {
      const n = names().indexOf(name);
      // A node joins those that run; one that would join nobody ends.
      const joins = nodes().filter((_, i) => i !== n && running(names()[i]) !== null);
      mkdirSync(join(data, name), { recursive: true });
      const address = ['--host', '127.0.0.1', '--port', String(nodes()[n].port), '--scheme', 'http'];
      start(name, join(program, 'weaviate-server'), address, { env: environmentOf(n, joins, known) });
      if (nodes().length > 1) await untilHealthy(name, () => listens(nodes()[n].gossip));
    }
    for (const name of starting) await untilHealthy(name, () => isReady(nodes()[names().indexOf(name)].port));
  },

  environment() {
    return {
      WEAVIATE_URL: nodes()
        .map(({ port }) => `http://127.0.0.1:${port}`)
        .join(','),
      WEAVIATE_API_KEY: settings.known.key,
    };
  },
};

function install() {
  return installed(`weaviate-${version}`, (into) => {
    need('go', 'version', 'install Go, 1.25 or newer; it builds the search engine, which takes some minutes once');
    execute('go', ['install', ...buildFlags, `github.com/weaviate/weaviate/cmd/weaviate-server@${version}`], {
      env: { ...process.env, CGO_ENABLED: '0', GOBIN: into, GOFLAGS: '' },
    });
  });
}

const buildFlags = ['-trimpath', '-ldflags=-s -w'];

/** The ports of each node. */
function nodes() {
  const { port, grpc, gossip, raft, others = [] } = settings.known;
  return [{ port, grpc, gossip, raft }, ...others];
}

/** Of their processes and folders; node 1 is plain `weaviate`. */
function names() {
  return nodes().map((_, n) => (n === 0 ? 'weaviate' : `weaviate-${n + 1}`));
}

function environmentOf(n, joins, { key, inside }) {
  const all = nodes();
  const { grpc, gossip, raft } = all[n];
  const local = '127.0.0.1';
  return {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    PERSISTENCE_DATA_PATH: join(data, names()[n]),
    DEFAULT_VECTORIZER_MODULE: 'none',
    ENABLE_MODULES: '',
    DISABLE_TELEMETRY: 'true',
    GO_PROFILING_DISABLE: 'true',
    GOMEMLIMIT: '1GiB',
    LOG_LEVEL: 'warning',
    AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: 'false',
    AUTHENTICATION_APIKEY_ENABLED: 'true',
    AUTHENTICATION_APIKEY_ALLOWED_KEYS: key,
    AUTHENTICATION_APIKEY_USERS: 'vimi',
    AUTHORIZATION_ADMINLIST_ENABLED: 'true',
    AUTHORIZATION_ADMINLIST_USERS: 'vimi',
    // A disk that is nearly full is no reason to take no more tests.
    DISK_USE_READONLY_PERCENTAGE: '0',
    DISK_USE_WARNING_PERCENTAGE: '0',
    GRPC_PORT: String(grpc),
    CLUSTER_IN_LOCALHOST: 'true',
    CLUSTER_HOSTNAME: `node${n + 1}`,
    CLUSTER_ADVERTISE_ADDR: local,
    CLUSTER_BIND_ADDR: local,
    CLUSTER_GOSSIP_BIND_PORT: String(gossip),
    CLUSTER_DATA_BIND_PORT: String(gossip + 1),
    CLUSTER_BASIC_AUTH_USERNAME: 'vimi',
    CLUSTER_BASIC_AUTH_PASSWORD: inside,
    RAFT_PORT: String(raft),
    RAFT_INTERNAL_RPC_PORT: String(raft + 1),
    ...(all.length > 1 && {
      RAFT_JOIN: all.map((node, i) => `node${i + 1}:${node.raft}`).join(','),
      RAFT_BOOTSTRAP_EXPECT: String(all.length),
      ...(joins.length > 0 && { CLUSTER_JOIN: joins.map((node) => `${local}:${node.gossip}`).join(',') }),
    }),
  };
}

function listens(port) {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => done(true));
    socket.once('error', () => done(false)).once('connect', () => socket.destroy());
  });
}

async function isReady(port) {
  try {
    return (await fetch(`http://127.0.0.1:${port}/v1/.well-known/ready`)).status === 200;
  } catch {
    return false;
  }
}

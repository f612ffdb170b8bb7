// Apache Kafka: one node or several, each broker and controller in one process (KRaft), its jars by Maven.
//
// Two listeners a node: one plain, and one with TLS that asks for a password (SASL PLAIN or SCRAM), so that both can be tested.
import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { certificate } from './certificate.mjs';
import { execute, installed, need } from './install.mjs';
import { data, freePort, remembered, repository, run, writePrivate } from './places.mjs';
import { running, start, stop, untilHealthy } from './process.mjs';

const version = '4.1.0';
const ports = { port: freePort, securePort: freePort, controllerPort: freePort };
const settings = remembered('kafka', {
  ...ports,
  /** The ports of the nodes after the first. */
  others: () => [],
  /** Settings of the brokers, besides those below. */
  set: () => ({}),
  cluster: () => randomUUID().replaceAll('-', '').slice(0, 22),
  user: () => 'vimi',
  password: () => randomBytes(12).toString('hex'),
});

export const kafka = {
  name: 'kafka',
  running: () => (names().every((name) => running(name) !== null) ? running('kafka') : null),
  async stop() {
    const stopped = await Promise.all(names().map((name) => stop(name)));
    return stopped.includes(true);
  },

  /** What is asked for when it is started for the first time stays: `brokers`, their number; `set`, their settings. */
  async start({ brokers = 1, set = {} } = {}) {
    need('java', '-version', 'install a Java runtime, 17 or newer (Debian: openjdk-17-jre-headless)');
    const program = installed(`kafka-${version}`, (into) => {
      need('mvn', '-v', 'install Maven (Debian: maven); it fetches the broker from your Maven repository');
      const pom = join(repository, 'infra', 'kafka', 'pom.xml');
      execute('mvn', [
        '-q',
        '-B',
        '-Dstyle.color=never',
        '-f',
        pom,
        'dependency:copy-dependencies',
        `-Dkafka.version=${version}`,
        `-DoutputDirectory=${into}`,
      ]);
      if (readdirSync(into).length === 0) throw new Error('Maven copied no jar');
    });
    const isNew = settings.known.cluster === undefined;
    if (isNew) {
      settings.known.set = set;
      settings.known.others = [];
      for (let n = 1; n < brokers; n++) {
        const other = {};
        for (const [name, port] of Object.entries(ports)) other[name] = await port();
        settings.known.others.push(other);
      }
    }
    const known = await settings.complete();
    const classes = join(program, '*');
    const starting = names().filter((name) => running(name) === null);
    await Promise.all(starting.map((name) => prepare(name, known, classes)));
    for (const name of starting)
      start(name, 'java', [
        // Several share the machine, and are there to be killed: they start sooner without the second compiler.
        ...(nodes().length > 1 ? ['-Xms96m', '-Xmx256m', '-XX:TieredStopAtLevel=1'] : ['-Xms128m', '-Xmx384m']),
        '-XX:+UseSerialGC',
        ...logging(),
        '-cp',
        classes,
        'kafka.Kafka',
        propertiesFile(name),
      ]);
    for (const name of starting) await untilHealthy(name, healthy);
  },

  environment() {
    const { user, password } = settings.known;
    const at = (which) =>
      nodes()
        .map((node) => `127.0.0.1:${node[which]}`)
        .join(',');
    return {
      KAFKA_BROKERS: at('port'),
      KAFKA_SECURE_BROKERS: at('securePort'),
      KAFKA_USER: user,
      KAFKA_PASSWORD: password,
    };
  },
};

const logging = () => [`-Dlog4j2.configurationFile=${join(repository, 'infra', 'kafka', 'log4j2.yaml')}`];

/** The ports of each node. */
function nodes() {
  const { port, securePort, controllerPort, others = [] } = settings.known;
  return [{ port, securePort, controllerPort }, ...others];
}

/** Of their processes and folders; node 1 is plain `kafka`. */
function names() {
  return nodes().map((_, n) => nameOf(n + 1));
}

const nameOf = (id) => (id === 1 ? 'kafka' : `kafka-${id}`);
const propertiesFile = (name) => join(run, `${name}.properties`);

/** The settings of a node, and its folder if it has none yet. */
async function prepare(name, known, classes) {
  const id = names().indexOf(name) + 1;
  const folder = join(data, name);
  writePrivate(propertiesFile(name), propertiesOf(id, folder, known));
  if (existsSync(join(folder, 'meta.properties'))) return;
  mkdirSync(folder, { recursive: true });
  const scram = ['256', '512'].flatMap((bits) => [
    '--add-scram',
    `SCRAM-SHA-${bits}=[name=${known.user},password=${known.password}]`,
  ]);
  const java = ['-Xmx256m', '-XX:TieredStopAtLevel=1', ...logging(), '-cp', classes, 'kafka.tools.StorageTool'];
  const format = ['format', '-t', known.cluster, '-c', propertiesFile(name), ...scram];
  await promisify(execFile)('java', [...java, ...format]);
}

function propertiesOf(id, folder, { user, password, set }) {
  const all = nodes();
  const { port, securePort, controllerPort } = all[id - 1];
  const copies = Math.min(3, all.length);
  const inSync = Math.min(2, copies);
  const { bundle } = certificate();
  const login = 'org.apache.kafka.common.security';
  return `${Object.entries({
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': all.map((node, n) => `${n + 1}@127.0.0.1:${node.controllerPort}`).join(','),
    listeners: `PLAIN://127.0.0.1:${port},SECURE://127.0.0.1:${securePort},CONTROLLER://127.0.0.1:${controllerPort}`,
    'listener.security.protocol.map': 'PLAIN:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAIN',
    'controller.listener.names': 'CONTROLLER',
    'listener.name.secure.ssl.keystore.type': 'PEM',
    'listener.name.secure.ssl.keystore.location': bundle,
    'listener.name.secure.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.secure.plain.sasl.jaas.config': `${login}.plain.PlainLoginModule required user_${user}="${password}";`,
    'listener.name.secure.scram-sha-256.sasl.jaas.config': `${login}.scram.ScramLoginModule required;`,
    'listener.name.secure.scram-sha-512.sasl.jaas.config': `${login}.scram.ScramLoginModule required;`,
    'log.dirs': folder,
    // Topics come from topology.yaml; a misspelt one must not come into being.
    'auto.create.topics.enable': false,
    // Three copies of everything, where there are as many nodes.
    'default.replication.factor': copies,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': 10,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': 10,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': inSync,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    ...set,
  })
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`;
}

/** Brokers that answer for themselves and their controller. */
async function healthy() {
  const { KAFKA_BROKERS } = kafka.environment();
  const admin = new Kafka({
    brokers: KAFKA_BROKERS.split(','),
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1000,
    retry: { retries: 0 },
  }).admin();
  try {
    await admin.connect();
    const { brokers, controller } = await admin.describeCluster();
    return brokers.length === nodes().length && controller !== null;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

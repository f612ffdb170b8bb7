// Apache Kafka: one node, broker and controller in one process (KRaft), its jars by Maven.
//
// Two listeners: one plain, and one with TLS that asks for a password (SASL PLAIN or SCRAM), so that both can be tested.
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { certificate } from './certificate.mjs';
import { execute, installed, need } from './install.mjs';
import { data, freePort, remembered, repository, run, writePrivate } from './places.mjs';
import { running, start, stop, untilHealthy } from './process.mjs';

const version = '4.1.0';
const folder = join(data, 'kafka');
const settings = remembered('kafka', {
  port: freePort,
  securePort: freePort,
  controllerPort: freePort,
  cluster: () => randomUUID().replaceAll('-', '').slice(0, 22),
  user: () => 'vimi',
  password: () => randomBytes(12).toString('hex'),
});

export const kafka = {
  name: 'kafka',
  running: () => running('kafka'),
  stop: () => stop('kafka'),

  async start() {
    need('java', '-version', 'install a Java runtime, 17 or newer (Debian: openjdk-17-jre-headless)');
    const program = installed(`kafka-${version}`, (into) => {
      need('mvn', '-v', 'install Maven (Debian: maven); it fetches the broker from your Maven repository');
      const pom = join(repository, 'infra', 'kafka', 'pom.xml');
      execute('mvn', [
        '-q',
        '-B',
        '-f',
        pom,
        'dependency:copy-dependencies',
        `-Dkafka.version=${version}`,
        `-DoutputDirectory=${into}`,
      ]);
      if (readdirSync(into).length === 0) throw new Error('Maven copied no jar');
    });
    const known = await settings.complete();
    const classes = join(program, '*');
    const properties = join(run, 'kafka.properties');
    writePrivate(properties, propertiesOf(known));
    if (!existsSync(join(folder, 'meta.properties'))) {
      mkdirSync(folder, { recursive: true });
      execFileSync(
        'java',
        [
          '-Xmx256m',
          '-XX:TieredStopAtLevel=1',
          ...logging(),
          '-cp',
          classes,
          'kafka.tools.StorageTool',
          'format',
          '-t',
          known.cluster,
          '-c',
          properties,
        ].concat(
          ['256', '512'].flatMap((bits) => [
            '--add-scram',
            `SCRAM-SHA-${bits}=[name=${known.user},password=${known.password}]`,
          ]),
        ),
        { stdio: ['ignore', 'pipe', 'pipe'] },
      );
    }
    start('kafka', 'java', [
      '-Xms128m',
      '-Xmx384m',
      '-XX:+UseSerialGC',
      ...logging(),
      '-cp',
      classes,
      'kafka.Kafka',
      properties,
    ]);
    await untilHealthy('kafka', healthy);
  },

  environment() {
    const { port, securePort, user, password } = settings.known;
    return {
      KAFKA_BROKERS: `127.0.0.1:${port}`,
      KAFKA_SECURE_BROKERS: `127.0.0.1:${securePort}`,
      KAFKA_USER: user,
      KAFKA_PASSWORD: password,
    };
  },
};

const logging = () => [`-Dlog4j2.configurationFile=${join(repository, 'infra', 'kafka', 'log4j2.yaml')}`];

function propertiesOf({ port, securePort, controllerPort, user, password }) {
  const { bundle } = certificate();
  const login = 'org.apache.kafka.common.security';
  return `${Object.entries({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
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
    // One node: what is replicated three times elsewhere is there once.
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 10,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 10,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
  })
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`;
}

/** A broker that answers for itself and its controller. */
async function healthy() {
  const { KAFKA_BROKERS } = kafka.environment();
  const admin = new Kafka({
    brokers: [KAFKA_BROKERS],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1000,
    retry: { retries: 0 },
  }).admin();
  try {
    await admin.connect();
    const { brokers, controller } = await admin.describeCluster();
    return brokers.length === 1 && controller !== null;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

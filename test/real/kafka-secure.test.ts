import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, inject, it } from 'vitest';
import type { KafkaOptions } from '../../src/streams/transports/kafka/open-kafka.js';
import type { Transport } from '../../src/streams/transports/transport.js';
import { consumeOne, numbered, read, takeAll, text, values } from '../streams/transports/transport-contract.js';
import { kafkaTransport } from './kafka-broker.js';

const servers = inject('servers');
const tls = { ca: readFileSync(servers.TLS_CERTIFICATE!) };
const login = { username: servers.KAFKA_USER!, password: servers.KAFKA_PASSWORD! };
const transports: Transport[] = [];

function open(options: Partial<KafkaOptions>): Transport {
  const transport = kafkaTransport({ brokers: servers.KAFKA_SECURE_BROKERS!.split(','), ...options });
  transports.push(transport);
  return transport;
}
afterEach(async () => {
  for (const transport of transports.splice(0)) await transport.close();
});

describe('a broker that asks for TLS and a password', () => {
  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('lets in who says it with %s', async (mechanism) => {
    const transport = open({ tls, sasl: { mechanism, ...login } });
    const topic = `secure-${randomUUID().slice(0, 8)}`;
    await transport.ensureTopics([{ name: topic, partitions: 1, cleanup: 'delete' }]);
    await transport.publish(numbered(topic, 2));
    const { partition } = await consumeOne(transport, `${topic}-group`, topic);
    expect(values(await takeAll(partition, 2))).toEqual(['0', '1']);
    await partition.commit([text(topic, 'out')], { offset: 2, metadata: '' });
    expect(values(await read(transport, topic))).toEqual(['0', '1', 'out']);
  });

  it('refuses a wrong password, at once and without telling it', async () => {
    const transport = open({ tls, sasl: { mechanism: 'scram-sha-256', ...login, password: 'not the one' } });
    const refused = await transport.ends('any').catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'TRANSPORT_DENIED' });
    expect(String(refused)).not.toContain('not the one');
  });

  it('is not believed without its certificate', async () => {
    const transport = open({ tls: true, sasl: { mechanism: 'plain', ...login } });
    await expect(transport.ends('any')).rejects.toMatchObject({
      code: 'TRANSPORT_DENIED',
      remedy: expect.stringContaining('tls: { ca: PATH }'),
    });
  });

  it.each([
    ['without TLS at a port that has it', {}, 'set tls: true'],
    ['with TLS at a port that has none', { brokers: servers.KAFKA_BROKERS!.split(','), tls }, 'leave tls out'],
  ])('says what to set when it is asked %s', async (_, options, remedy) => {
    await expect(open({ ...options, firstContactMs: 1000 }).ends('any')).rejects.toMatchObject({
      code: 'TRANSPORT_UNAVAILABLE',
      remedy: expect.stringContaining(remedy),
    });
  });
});

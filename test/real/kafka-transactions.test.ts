import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VimiError } from '../../src/core/errors.js';
import { KafkaClient } from '../../src/streams/transports/kafka/client/client.js';
import type { Broker } from '../../src/streams/transports/kafka/client/wire.js';
import { Transactions } from '../../src/streams/transports/kafka/writing/transactions.js';
import type { Transport } from '../../src/streams/transports/transport.js';
import { read, text, values } from '../streams/transports/transport-contract.js';
import { brokers, kafkaTransport } from './kafka-broker.js';

const never = new AbortController().signal;
const config = { brokers, clientId: 'doubt', connectionTimeout: 10_000, requestTimeout: 30_000 };

/** A client whose next end of a transaction goes as `outcome` says, instead of plainly. */
class DoubtfulClient extends KafkaClient {
  outcome: ((end: () => Promise<unknown>) => Promise<unknown>) | undefined;

  override async coordinator(of: 'group' | 'transaction', id: string): Promise<Broker> {
    const broker = await super.coordinator(of, id);
    const { outcome } = this;
    if (of !== 'transaction' || !outcome) return broker;
    const endTxn: Broker['endTxn'] = (end) => {
      this.outcome = undefined;
      return outcome(() => broker.endTxn(end));
    };
    return new Proxy(broker, {
      get: (target, name) => (name === 'endTxn' ? endTxn : bound(target, Reflect.get(target, name))),
    });
  }
}

function bound(target: object, value: unknown): unknown {
  return typeof value === 'function' ? value.bind(target) : value;
}

let transport: Transport;
let client: DoubtfulClient;
let other: KafkaClient;
let topic: string;
let transactions: Transactions;
let member: boolean;

const place = () => ({ group: `${topic}-group`, topic, partition: 0 });
/** Whoever begins with the same id, as the broker itself does when it loses patience. */
const usurp = async () => {
  const usurper = new Transactions({ client: other, ...place(), isMember: async () => true });
  return { usurper, position: await usurper.begin(never) };
};
const lost = () => {
  throw new Error('the connection broke');
};

beforeEach(async () => {
  transport = kafkaTransport();
  client = new DoubtfulClient(config, () => undefined);
  other = new KafkaClient(config, () => undefined);
  topic = `doubt-${randomUUID().slice(0, 8)}`;
  await transport.ensureTopics([{ name: topic, partitions: 1, cleanup: 'delete' }]);
  member = true;
  transactions = new Transactions({ client, ...place(), isMember: async () => member });
  expect(await transactions.begin(never)).toBeNull();
});
afterEach(async () => {
  await Promise.all([transport.close(), client.close(), other.close()]);
});

/** A topic that was just made may not have its leader yet: nothing was committed then, and the same is tried again. */
const commit = async (...what: Parameters<Transactions['commit']>) => {
  for (;;)
    try {
      return await transactions.commit(...what);
    } catch (error) {
      if (!(error as VimiError).message.includes('not the leader')) throw error;
    }
};
const outputs = async () => values(await read(transport, topic));

describe('a transaction that ends in doubt', () => {
  it('is committed once, when only the answer was lost', async () => {
    client.outcome = async (end) => {
      await end();
      lost();
    };
    await commit([text(topic, 'a')], { offset: 1, metadata: 'one' });
    await commit([text(topic, 'b')], { offset: 2, metadata: 'two' });
    expect(await outputs()).toEqual(['a', 'b']);
  });

  it('is known to be committed, though the broker says that the producer is out', async () => {
    client.outcome = async (end) => {
      await end();
      await usurp();
      lost();
    };
    await commit([text(topic, 'a')], { offset: 1, metadata: 'one' });
    await commit([text(topic, 'b')], { offset: 2, metadata: 'two' });
    expect(await outputs()).toEqual(['a', 'b']);
  });

  it('is known not to be committed, and can be tried again', async () => {
    client.outcome = async () => {
      await usurp();
      lost();
    };
    const position = { offset: 1, metadata: 'one' };
    const doubtful = commit([text(topic, 'a')], position);
    await expect(doubtful).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE', retryable: true });
    expect(await outputs()).toEqual([]);
    await commit([text(topic, 'a'), text(topic, 'b')], { offset: 2, metadata: 'two' });
    expect(await outputs()).toEqual(['a', 'b']);
    expect(await transport.positions(place().group, topic)).toEqual(new Map([[0, { offset: 2, metadata: 'two' }]]));
  });

  it('finds out that somebody else went on', async () => {
    client.outcome = async () => {
      const { usurper } = await usurp();
      await usurper.commit([text(topic, 'theirs')], { offset: 5, metadata: 'theirs' });
      lost();
    };
    const doubtful = commit([text(topic, 'ours')], { offset: 1, metadata: 'one' });
    await expect(doubtful).rejects.toMatchObject({ code: 'TRANSPORT_FENCED' });
    expect(await outputs()).toEqual(['theirs']);
  });

  it('finds out that it is no member any more, and leaves the new owner alone', async () => {
    await commit([text(topic, 'a')], { offset: 1, metadata: 'one' });
    const { usurper, position } = await usurp();
    expect(position).toEqual({ offset: 1, metadata: 'one' });
    member = false;
    const late = commit([text(topic, 'late')], { offset: 2, metadata: 'late' });
    await expect(late).rejects.toMatchObject({ code: 'TRANSPORT_FENCED' });
    await usurper.commit([text(topic, 'b')], { offset: 2, metadata: 'two' });
    expect(await outputs()).toEqual(['a', 'b']);
  });
});

import { createEncoder } from '../client/driver.js';
import type { Broker } from '../client/wire.js';
import { ByteReader } from './byte-reader.js';
import { compactLength, compactText, noTags, passTags, readCompactText } from './compact.js';

const metadata = { apiKey: 3, apiVersion: 10, apiName: 'Metadata' };
const nobody = Buffer.alloc(16);

/**
 * What tells a topic from one that had its name before: a topic that is deleted and created anew counts its offsets from 0
 * again. null: this broker does not say, or does not know the topic. (Metadata, version 10.)
 */
export async function topicIdOf(broker: Broker, topic: string): Promise<string | null> {
  if ((broker.versions?.[metadata.apiKey]?.maxVersion ?? 0) < metadata.apiVersion) return null;
  const body = Buffer.concat([
    noTags, // of the request's header
    compactLength(1),
    nobody,
    compactText(topic),
    noTags,
    Buffer.from([0, 0, 0]), // creates no topic, asks for no rights
    noTags,
  ]);
  return (await broker.connectionPool.send({
    request: { ...metadata, encode: async () => createEncoder().writeBuffer(body) },
    response: { decode: async (payload) => decoded(payload), parse: async (id) => id },
    logResponseError: false,
  })) as string | null;
}

function decoded(payload: Buffer): string | null {
  const reader = new ByteReader(payload);
  passTags(reader);
  reader.int32(); // throttle time
  for (let brokers = reader.uvarint() - 1; brokers > 0; brokers--) {
    reader.int32(); // node
    readCompactText(reader); // host
    reader.int32(); // port
    readCompactText(reader); // rack
    passTags(reader);
  }
  readCompactText(reader); // cluster
  reader.int32(); // controller
  if (reader.uvarint() - 1 < 1 || reader.int16() !== 0) return null;
  readCompactText(reader); // name
  const id = reader.bytes(16);
  return id.equals(nobody) ? null : id.toString('base64url');
}

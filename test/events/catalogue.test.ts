import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../../src/events/catalogue.js';
import { decodeEvent, encodeEvent } from '../../src/events/cloudevents.js';
import type { EventData, SchemaName } from '../../src/events/schemas.js';
import { operators } from '../../src/operators/index.js';
import { readTopology } from '../../src/streams/topology/read-topology.js';

const shipped = resolve(import.meta.dirname, '../../topology.yaml');

describe('the examples of the documentation', async () => {
  const { topics } = await readTopology(shipped, { env: {}, operators });

  it.each(Object.keys(catalogue) as SchemaName[])(
    '%s is read as itself on its topic, bare and with headers',
    (schema) => {
      const topic = [...topics.values()].find(({ schemas }) => schemas.includes(schema))!;
      const data = catalogue[schema].example as EventData<typeof schema>;
      const place = { partition: 0, offset: 0, timestamp: 0 };
      const bare = { topic: topic.name, key: null, value: Buffer.from(JSON.stringify(data)), headers: {}, ...place };
      expect(decodeEvent(bare, topic.schemas)).toMatchObject({ schema, data });
      const record = encodeEvent({ schema, id: 'x', source: '/test', data, topic: topic.name, key: null });
      expect(decodeEvent({ ...record, ...place }, topic.schemas)).toMatchObject({ schema, data });
    },
  );
});

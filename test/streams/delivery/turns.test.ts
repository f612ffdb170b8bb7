import { join } from 'node:path';
import { expect, it } from 'vitest';
import { VirtualClock } from '../../../src/core/virtual-clock.js';
import { encodeEvent } from '../../../src/events/cloudevents.js';
import type { NewRecord } from '../../../src/events/record.js';
import type { GenerationRequested } from '../../../src/events/schemas.js';
import { mapEach } from '../../../src/flow/map-each.js';
import { runPipeline } from '../../../src/streams/delivery/pipeline.js';
import type { PipelineSpec } from '../../../src/streams/delivery/pipeline-spec.js';
import { openEmbedded } from '../../../src/streams/transports/embedded/open-embedded.js';
import { prepareTopics, quietLog, resourcesWith, spec, temporaryFolder, testOperator } from './pipeline-fixtures.js';

const minute = 60_000;
const noon = Date.parse('2026-01-31T12:00:00Z');

function request(id: string, minutes: number, wishes: Partial<GenerationRequested>): NewRecord {
  const named = { schema: 'generation.requested', id, source: '/test', topic: 'in', key: null } as const;
  const record = encodeEvent({ ...named, data: { prompt: id, ...wishes } });
  return { ...record, partition: 0, timestamp: noon + minutes * minute };
}

/** The order in which a step that does one after the other begins with requests that lay in the topic, at a quarter past noon. */
async function begun(requests: NewRecord[], changes: Partial<PipelineSpec> = {}): Promise<string[]> {
  const folder = temporaryFolder();
  const clock = new VirtualClock(noon + 15 * minute);
  const transport = openEmbedded({ path: join(folder.path, 'log.sqlite') });
  const began: string[] = [];
  const work = testOperator('work', () => ({
    step: mapEach<'request'>(
      async (_, { event }) => {
        began.push(event.id);
        return {};
      },
      { step: 'work', concurrency: 1, clock },
    ),
  }));
  try {
    await prepareTopics(transport);
    await transport.publish(requests);
    const pipeline = spec([work], { schemas: ['generation.requested'], to: [], ...changes });
    const signal = new AbortController().signal;
    await runPipeline(pipeline, { transport, resources: resourcesWith({ clock }), signal, log: quietLog, drain: true });
    return began;
  } finally {
    await transport.close();
    folder.remove();
  }
}

const requests = [
  request('first', 0, {}),
  request('batch', 1, { priority: 'batch' }),
  request('usual', 6, {}),
  request('hurried', 7, { priority: 'standard', finish_by: '2026-01-31T13:00:00Z' }),
  request('someone', 14, { priority: 'interactive' }),
];

it('the requests of a pipeline have their turns by priority, deadline and arrival', async () => {
  expect(await begun(requests)).toEqual(['first', 'someone', 'hurried', 'batch', 'usual']);
});

it('its ageing says what a wait is worth', async () => {
  expect(await begun(requests, { ageingMs: 24 * 60 * minute })).toEqual([
    ...['first', 'someone', 'hurried', 'usual', 'batch'],
  ]);
  expect(await begun(requests, { ageingMs: minute })).toEqual(['first', 'batch', 'usual', 'hurried', 'someone']);
});

it('a request cannot overtake one that is in flight when it is not', async () => {
  expect(await begun(requests, { maxInFlight: 1 })).toEqual(['first', 'batch', 'usual', 'hurried', 'someone']);
});

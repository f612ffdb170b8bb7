import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VimiError } from '../../../src/core/errors.js';
import { defineOperator } from '../../../src/flow/define-operator.js';
import { runPipeline } from '../../../src/streams/delivery/pipeline.js';
import type { Transport } from '../../../src/streams/transports/transport.js';
import { memoryTransport } from '../../../src/testing/index.js';
import { delivered, media, prepareTopics, productOf, quietLog, resourcesWith, spec } from './pipeline-fixtures.js';

let transport: Transport;
beforeEach(async () => {
  transport = memoryTransport();
  await prepareTopics(transport);
  await transport.publish([media('a'), media('b')]);
});
afterEach(() => transport.close());

/** A step whose opening fails with these codes, and then succeeds. */
function opening(codes: string[], told: string[] = []) {
  const step = defineOperator(
    { name: 'look', summary: 'Looks.', needs: ['media'], adds: ['product'] },
    {
      async open() {
        const code = codes.shift();
        told.push(code ?? 'open');
        if (code) throw new VimiError(code, 'Not now');
        return 'seen';
      },
      process: ({ media: { uri } }, { state }) => {
        told.push(state);
        return productOf(uri) as Required<ReturnType<typeof productOf>>;
      },
      close: () => void told.push('closed'),
    },
  );
  const run = () =>
    runPipeline(spec([step]), {
      ...{ transport, resources: resourcesWith({}), log: quietLog, drain: true },
      signal: new AbortController().signal,
    });
  return { run, told };
}

describe('a step that opens something', () => {
  it('has it before its first event, and closes after the last', async () => {
    const { run, told } = opening([]);
    await run();
    expect(told).toEqual(['open', 'seen', 'seen', 'closed']);
    expect(await delivered(transport)).toEqual(['a', 'b']);
  });

  it('is waited for while its surroundings are away', async () => {
    const { run, told } = opening(['STORAGE_UNAVAILABLE', 'STORAGE_UNAVAILABLE']);
    await run();
    expect(told.slice(0, 3)).toEqual(['STORAGE_UNAVAILABLE', 'STORAGE_UNAVAILABLE', 'open']);
    expect(await delivered(transport)).toEqual(['a', 'b']);
  });

  it('ends the pipeline when it cannot open, and no event is rejected for it', async () => {
    const { run, told } = opening(['MODEL_UNKNOWN']);
    await expect(run()).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
    expect(told).toEqual(['MODEL_UNKNOWN']);
    expect(await transport.positions('test', 'in')).toEqual(new Map());
  });
});

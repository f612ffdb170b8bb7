// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a topology takes values from the environment so.
import { expect, it } from 'vitest';
import { operators } from '../../../src/operators/index.js';
import { mistakeLine } from '../../../src/streams/topology/mistake.js';
import { checkTopology } from '../../../src/streams/topology/read-topology.js';

const topology = `topics:
  requests: { schema: [generation.requested, generation.cancelled] }
  jobs: { schema: job.changed, cleanup: compact }
  rejects: { schema: event.rejected }
pipelines:
  generate: { from: requests, steps: [admit, embed, retrieve, compose, denoise] }
tests:
  t:
    `;

async function check(test: string) {
  const { topology: read, mistakes } = await checkTopology(`${topology}${test}\n`, {
    file: 't.yaml',
    env: { HOME: 'a secret' },
    operators,
  });
  return { tests: read?.tests, lines: mistakes.map(mistakeLine) };
}

it('reads a test, with its places and defaults', async () => {
  const { tests, lines } = await check(
    '{ input: { generate: [{ prompt: a fox }, text] }, replace: { denoise: { takes: 2m, frames: { fps: 4 } }, embed: { rejected: MODEL_CRASHED } }, expect: { outcomes: { generate: [delivered, { rejected: X }] }, outputs: { jobs: [] } } }',
  );
  expect(lines).toEqual([]);
  const [test] = tests!;
  expect(test).toMatchObject({ name: 't', file: 't.yaml', place: { line: 8, column: 3 } });
  expect(new Date(test!.now).toISOString()).toBe('2026-01-01T00:00:00.000Z');
  expect(test!.input).toEqual([{ pipeline: 'generate', events: [{ prompt: 'a fox' }, 'text'] }]);
  const denoise = test!.replace.get('denoise');
  expect(denoise).toMatchObject({ takes: 120_000, answer: { fields: { frames: { fps: 4, video: { width: 32 } } } } });
  expect(test!.replace.get('embed')).toEqual({ takes: 0, answer: { rejected: 'MODEL_CRASHED' } });
  expect(test!.expect.outputs).toEqual([{ name: 'jobs', place: expect.any(Object), items: [] }]);
});

const input = 'input: { generate: [{ prompt: a }] }';

it.each<[string, string, [at: string, message: string][]]>([
  [
    'an unknown key',
    `{ ${input}, expect: {}, inputt: 1 }`,
    [['inputt', "test 't': unknown key 'inputt'; did you mean 'input'?"]],
  ],
  ['no input', '{ expect: {} }', [['{ expect', "test 't': missing input: expected an object"]]],
  [
    'an unknown pipeline',
    '{ input: { genarate: [x] }, expect: {} }',
    [['genarate', "unknown pipeline 'genarate'; did you mean 'generate'?"]],
  ],
  [
    'outcomes of a pipeline without input, and of the wrong number',
    `{ ${input}, expect: { outcomes: { corpus: [], generate: [] } } }`,
    [
      ['corpus', "unknown pipeline 'corpus': expected 'generate'"],
      ['generate: [] }', "test 't': outcomes: expected one for each of 1 events, found 0"],
    ],
  ],
  [
    'an outcome that is none',
    `{ ${input}, expect: { outcomes: { generate: [done] } } }`,
    [
      [
        'done',
        'test \'t\': expect.outcomes.generate.0: expected "delivered" or "dropped" or "rejected" or an object, found \'done\'',
      ],
    ],
  ],
  [
    'an unknown topic',
    `{ ${input}, expect: { outputs: { job: [] } } }`,
    [['job:', "unknown topic 'job'; did you mean 'jobs'?"]],
  ],
  [
    'an unknown step',
    `{ ${input}, expect: {}, replace: { denoize: { frames: {} } } }`,
    [['denoize', "unknown step 'denoize'; did you mean 'denoise'?"]],
  ],
  [
    'a field that the operator does not add, and none of those that it does',
    `{ ${input}, expect: {}, replace: { denoise: { frame: {} } } }`,
    [
      ['denoise', "test 't': replace: denoise: missing frames, which 'denoise' adds"],
      ['frame', "unknown key 'frame'; did you mean 'frames'?"],
    ],
  ],
  [
    'a field of the wrong form',
    `{ ${input}, expect: {}, replace: { embed: { embeddings: { model: m, text: [] } } } }`,
    [['embeddings', "test 't': replace: embed: embeddings: text: expected at least 1 entries, found an empty list"]],
  ],
  [
    'two answers at once',
    `{ ${input}, expect: {}, replace: { denoise: { dropped: x, rejected: Y } } }`,
    [['denoise', "test 't': replace: denoise: expected dropped, or rejected, or fields: not several of them"]],
  ],
  [
    'a code with which nothing is rejected',
    `{ ${input}, expect: {}, replace: { denoise: { rejected: STORAGE_FULL } } }`,
    [['denoise', "test 't': replace: denoise: STORAGE_FULL pauses a pipeline, and no event is rejected with it"]],
  ],
  [
    'a value from the environment, which it names without its value',
    `{ ${input}, expect: { outcomes: { generate: [{ dropped: "\${HOME}" }] } } }`,
    [['"${HOME}', 'tests take nothing from the environment or from files: found ${HOME}']],
  ],
  [
    'a moment that is none',
    `{ ${input}, expect: {}, now: noon }`,
    [['noon', "test 't': now: expected a moment in UTC such as 2026-01-31T12:00:00Z, found 'noon'"]],
  ],
])('refuses %s, where it stands', async (_name, test, expected) => {
  const at = (token: string) => `t.yaml:9:${`    ${test}`.indexOf(token) + 1}`;
  expect((await check(test)).lines).toEqual(expected.map(([token, message]) => `${at(token)} error ${message}`));
});

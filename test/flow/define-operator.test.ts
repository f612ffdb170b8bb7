import { describe, expect, it } from 'vitest';
import { defineOperator, delivered, drop, VimiError, z } from '../../src/index.js';
import { openOperator, outcomes, resourcesWith, runOperator } from '../operators/run-operator.js';

const about = { name: 'look', summary: 'Looks.' } as const;
const media = (uri: string) => ({ media: { uri } });

describe('defineOperator', () => {
  it('hands on fields, splits, drops, ends and rejects, at once or later', async () => {
    const look = defineOperator(
      {
        ...about,
        needs: ['media'],
        adds: ['replaces'],
        drops: ['has-logo'],
        codes: { HAS_TEXT: { remedy: 'Crop it.' } },
      },
      {
        concurrency: 4,
        async process({ media: { uri } }, { error }) {
          if (uri === 'split') return [{ replaces: ['a'] }, { replaces: ['b'] }];
          if (uri === 'drop') return drop('has-logo');
          if (uri === 'end') return delivered;
          if (uri === 'fail') throw error('HAS_TEXT', 'There is text in it', { found: 'EXIT' });
          return { replaces: [uri] };
        },
      },
    );
    const flows = ['one', 'split', 'drop', 'end', 'fail'].map(media);
    const run = await runOperator(look, {}, resourcesWith({}), flows);
    expect(outcomes(run)).toEqual(['delivered', 'delivered', 'has-logo', 'delivered', 'HAS_TEXT']);
    expect(run.emitted.map(({ data }) => data.replaces).sort()).toEqual([['a'], ['b'], ['one']]);
    expect(run.settlements[4]!.outcome).toMatchObject({
      step: 'look',
      attempts: 1,
      error: { remedy: 'Crop it.', fault: 'input', message: 'There is text in it: found EXIT' },
    });
  });

  it('tries again what its own code calls passing, as often as it says', async () => {
    let tries = 0;
    const look = defineOperator(
      { ...about, needs: [], adds: [], codes: { DETECTOR_BUSY: { fault: 'passing', remedy: 'Wait.' } } },
      {
        retry: { attempts: 5, backoffMs: 1 },
        process(_, { error }) {
          tries++;
          throw error('DETECTOR_BUSY', 'Busy');
        },
      },
    );
    const run = await runOperator(look, {}, resourcesWith({}), [{}]);
    expect(run.settlements[0]!.outcome).toMatchObject({
      kind: 'rejected',
      attempts: 5,
      error: { code: 'DETECTOR_BUSY' },
    });
    expect(tries).toBe(5);
  });

  it('opens before the first event, keeps its state, counts, logs with its name, and closes', async () => {
    const told: unknown[] = [];
    const look = defineOperator(
      {
        ...about,
        config: z.strictObject({ most: z.number().int().default(2).describe('Media.') }),
        needs: ['media'],
        adds: [],
        counters: { seen: 'Media that were seen.' },
      },
      {
        concurrency: ({ most }) => most,
        async open({ config, step }) {
          told.push(`${step} opens for ${config.most}`);
          return new Set<string>();
        },
        process({ media: { uri } }, { state, count, log }) {
          state.add(uri);
          count('seen');
          log.info({ uri }, 'Seen');
          return {};
        },
        close({ state }) {
          told.push(`closed after ${[...state]}`);
        },
      },
    );
    const resources = resourcesWith({
      count: (count) => told.push(count),
      log: { debug() {}, info: (fields) => told.push(fields), warn() {}, error() {} },
    });
    const instance = look.create({ most: 3 }, resources, { step: 'look-2' });
    await instance.open?.();
    expect(told.splice(0)).toEqual(['look-2 opens for 3']);
    const { instance: run } = await runOperator(look, { most: 3 }, resources, ['a', 'b'].map(media));
    await run.close?.();
    expect(told).toEqual([
      'look opens for 3',
      { step: 'look', counter: 'seen', times: 1 },
      { pipeline: 'test', step: 'look', uri: 'a' },
      { step: 'look', counter: 'seen', times: 1 },
      { pipeline: 'test', step: 'look', uri: 'b' },
      'closed after a,b',
    ]);
  });

  it('keeps what it holds until the whole event has its outcome', async () => {
    const told: string[] = [];
    const look = defineOperator(
      { ...about, needs: ['media'], adds: [] },
      {
        process({ media: { uri } }, { onEnd }) {
          onEnd(() => told.push(`let ${uri} go`));
          return [{}, {}];
        },
      },
    );
    const { emitted } = await runOperator(look, {}, resourcesWith({}), [media('a')]);
    expect(emitted).toHaveLength(2);
    expect(told).toEqual(['let a go']);
  });

  it('has a page, an example and settings without being told', async () => {
    const look = defineOperator(
      { ...about, needs: ['clip'], adds: ['query'], drops: ['has-logo'] },
      { process: () => drop('has-logo') },
    );
    expect(look.contract).toMatchObject({ in: 'clip.', out: 'query.', drops: 'has-logo.' });
    expect(look.example).toBe('- look');
    expect(look.config.safeParse({ any: 1 }).success).toBe(false);
  });

  it.each<[string, object, RegExp]>([
    ['a field of the flow as its own', { fields: { clip: z.string() } }, /'clip' is a field of the flow already/],
    ['a reason that is none', { drops: ['Has Logo'] }, /'Has Logo' is no reason/],
    ['a code that is none', { codes: { logo: { remedy: '' } } }, /'logo' is no code/],
    ['a code of vimi', { codes: { MEDIA_DAMAGED: { remedy: '' } } }, /'MEDIA_DAMAGED' has a meaning in vimi already/],
    ['a counter that is none', { counters: { 'Logos!': '' } }, /'Logos!' is no name/],
  ])('refuses %s', (_, more, message) => {
    expect(() => defineOperator({ ...about, needs: [], adds: [], ...more }, { process: () => ({}) })).toThrow(message);
  });

  it('refuses the form that it had once', () => {
    expect(() => defineOperator({ ...about, needs: [], adds: [] }, (() => ({ step: () => {} })) as never)).toThrow(
      /must be \{ process\(data, context\)/,
    );
  });

  it('shares fields of its own with other operators, by their shapes', async () => {
    const fields = { logos: z.number().int() };
    const find = defineOperator(
      { ...about, needs: ['media'], adds: ['logos'], fields },
      { process: () => ({ logos: 2 }) },
    );
    const few = defineOperator(
      { ...about, needs: ['logos'], adds: [], fields, drops: ['many-logos'] },
      { process: ({ logos }) => (logos > 1 ? drop('many-logos') : {}) },
    );
    const { emitted } = await runOperator(find, {}, resourcesWith({}), [media('a')]);
    expect(emitted[0]!.data).toMatchObject({ logos: 2 });
    expect(outcomes(await runOperator(few, {}, resourcesWith({}), [{ logos: 1 }, { logos: 2 }]))).toEqual([
      'delivered',
      'many-logos',
    ]);
    // @ts-expect-error: nobody has such a field.
    await runOperator(find, {}, resourcesWith({}), [{ logo: 1 }]);
  });
});

/** Each of these does not compile. */
describe('the compiler knows', () => {
  const process = () => ({}) as never;
  it('what there is to read', async () => {
    const reads = defineOperator(
      { ...about, needs: ['clip'], adds: [], optional: ['media'] },
      {
        process({ clip, media: known, ...rest }) {
          // @ts-expect-error: it may be missing.
          const uri: string = known?.uri;
          // @ts-expect-error: file is neither among its needs nor optional.
          const file = rest.file;
          return uri === '' ? { clip } : { clip: file ?? clip };
        },
      },
    );
    const instance = await openOperator(reads, {}, resourcesWith({}));
    expect(instance.step).toBeTypeOf('function');
    // @ts-expect-error: the flow has no such field.
    defineOperator({ ...about, needs: ['clips'], adds: [] }, { process });
    // @ts-expect-error: nor has it this one.
    defineOperator({ ...about, needs: [], adds: ['clips'] }, { process });
  });

  it('what there is to hand on', () => {
    // @ts-expect-error: it adds nothing.
    defineOperator({ ...about, needs: ['media'], adds: [] }, { process: () => undefined });
    // @ts-expect-error: this is not what it adds.
    defineOperator({ ...about, needs: ['media'], adds: ['replaces'] }, { process: () => ({}) });
    // @ts-expect-error: replaces is a list of text.
    defineOperator({ ...about, needs: ['media'], adds: ['replaces'] }, { process: async () => ({ replaces: [1] }) });
    // @ts-expect-error: it does not add this.
    defineOperator({ ...about, needs: ['media'], adds: [] }, { process: () => ({ replaces: ['a'] }) });
    // @ts-expect-error: its reason is another.
    defineOperator({ ...about, needs: [], adds: [], drops: ['a'] }, { process: () => drop('b') });
    const taken = defineOperator(
      { ...about, needs: [], adds: [], drops: ['a'] },
      { process: () => drop('duplicate', 'b') },
    );
    expect(taken.adds).toEqual([]);
  });

  it('what there is to count, and which codes there are', () => {
    defineOperator(
      { ...about, needs: [], adds: [], counters: { words: 'Words.' }, codes: { HAS_LOGO: { remedy: 'Crop it.' } } },
      {
        process(_, { count, error, state }) {
          // @ts-expect-error: the counter is another.
          count('letters');
          // @ts-expect-error: the code is another.
          if (state) throw error('HAS_TEXT', 'Text');
          if (!state) throw error('HAS_LOGO', 'A logo');
          throw error('MEDIA_DAMAGED', 'Torn');
        },
      },
    );
    // What is thrown otherwise may have any code.
    expect(new VimiError('HAS_TEXT', 'Text')).toMatchObject({ code: 'HAS_TEXT', fault: 'input' });
  });
});

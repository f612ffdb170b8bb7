import { from, lastValueFrom, tap, toArray } from 'rxjs';
import { VimiError } from '../errors.js';
import type { SchemaName } from '../events/schemas.js';
import type { Denoiser, Models } from '../models/ports.js';
import { systemClock } from '../operators/clock.js';
import type { Flow } from '../operators/flow.js';
import type { Operator, OperatorInstance, Resources } from '../operators/operator.js';
import { noJobs } from '../stores/jobs.js';
import type { Envelope } from '../streams/envelope.js';
import { Pause } from '../streams/pause.js';
import { openEnvelope, type Settlement } from '../streams/settlement.js';
import { StepWatch } from '../streams/step-watch.js';

export const quietLog = { debug() {}, info() {}, warn() {}, error() {} };

/** The one model of a pipeline. */
export const only = (denoiser: Denoiser): Models => ({ of: () => denoiser, all: () => [denoiser] });
const noModels: Models = {
  of() {
    throw new Error('The test gives the operator no model');
  },
  all: () => [],
};

/** Resources of which only the given ones are there; using another fails the test with its name. */
export function resourcesWith(given: Partial<Resources>): Resources {
  const all: Partial<Resources> = {
    pipeline: 'test',
    jobs: noJobs,
    clock: systemClock,
    log: quietLog,
    announce: async () => {},
    count() {},
    models: noModels,
    ...given,
  };
  return new Proxy(all, {
    get(target, name: string) {
      if (name in target) return target[name as keyof Resources];
      if (name === 'then') return undefined; // Asked of whatever an async function returns.
      throw new Error(`The test gives the operator no resource '${name}'`);
    },
  }) as Resources;
}

export interface OperatorRun {
  /** What came out of the step, in order of arrival. */
  emitted: Envelope<Flow>[];
  /** The settlement of each input, by its index. Envelopes that came out count as delivered. */
  settlements: Settlement[];
}

export interface InputOptions {
  schema?: SchemaName;
  topic?: string;
  signal?: AbortSignal;
  firstOffset?: number;
  headers?: Record<string, Buffer>;
}

/** An envelope of a record at `offset` of a test topic. */
export function testEnvelope(
  data: Flow,
  offset: number,
  onSettled: (settlement: Settlement) => void,
  { schema = 'media.added', topic = 'test', signal = new AbortController().signal, headers = {} }: InputOptions = {},
): Envelope<Flow> {
  const origin = { topic, partition: 0, offset, key: null, value: Buffer.from('{}'), headers, timestamp: 0 };
  const own = new AbortController();
  const either = AbortSignal.any([signal, own.signal]);
  const event = {
    id: `${topic}-0-${offset}`,
    source: `/test/${topic}`,
    type: `dev.vimi.${schema}.v1`,
    schema,
    time: '1970-01-01T00:00:00.000Z',
    data,
  };
  return openEnvelope(
    origin,
    event,
    data,
    {
      signal: either,
      get isAborted() {
        return either.aborted;
      },
      abort: (reason) => own.abort(reason),
    },
    onSettled,
    { pause: new Pause({ clock: systemClock }), watch: new StepWatch({ elapsed: systemClock.elapsed }) },
  );
}

/** Sends flows through one operator and waits until the step completes. */
export async function runOperator(
  operator: Operator,
  config: Record<string, unknown>,
  resources: Resources,
  flows: Flow[],
  options: InputOptions = {},
): Promise<OperatorRun & { instance: OperatorInstance }> {
  const instance = operator.create(operator.config.parse(config) as never, resources);
  const settlements: Settlement[] = [];
  const first = options.firstOffset ?? 0;
  const envelopes = flows.map((flow, n) =>
    testEnvelope(
      flow,
      first + n,
      (settlement) => {
        settlements[n] = settlement;
      },
      options,
    ),
  );
  const emitted = await lastValueFrom(
    instance.step(from(envelopes)).pipe(
      tap((envelope) => envelope.settle({ kind: 'delivered' })),
      toArray(),
    ),
  );
  return { emitted, settlements, instance };
}

/** The code of each input's rejection, or its fate's kind. */
export function fates(run: OperatorRun): string[] {
  return run.settlements.map(({ fate }) =>
    fate.kind === 'rejected' ? fate.error.code : fate.kind === 'dropped' ? fate.reason : fate.kind,
  );
}

/** Settles with whatever was thrown; fails the test when nothing was. */
export async function thrownBy(work: () => unknown): Promise<VimiError> {
  try {
    await work();
  } catch (thrown) {
    if (thrown instanceof VimiError) return thrown;
    throw thrown;
  }
  throw new Error('Nothing was thrown');
}

import { from, lastValueFrom, tap, toArray } from 'rxjs';
import { systemClock } from '../core/clock.js';
import { asVimiError } from '../core/errors.js';
import type { SchemaName } from '../events/schemas.js';
import type { Envelope } from '../flow/envelope.js';
import type { Flow } from '../flow/flow.js';
import type { Operator, OperatorInstance, Resources } from '../flow/operator.js';
import { Pause } from '../flow/pause.js';
import { openEnvelope, type Settlement } from '../flow/settlement.js';
import { StepWatch } from '../flow/step-watch.js';
import { Work } from '../flow/work.js';
import type { Denoiser, Models } from '../models/ports.js';
import { noJobs } from '../stores/jobs/jobs.js';
import { noRemovals } from '../stores/removals/removals.js';

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
    removals: noRemovals,
    clock: systemClock,
    log: quietLog,
    announce: async () => {},
    count() {},
    models: noModels,
    mediaHosts: [],
    topologyFolder: '.',
    reranker: undefined,
    keepList: undefined,
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
  /** What came out of the step, in order of arrival; custom fields are `unknown` to the compiler. */
  emitted: Envelope<Flow & Record<string, unknown>>[];
  /** The settlement of each input, by its index. Envelopes that came out count as delivered. */
  settlements: Settlement[];
}

export interface InputOptions {
  schema?: SchemaName;
  topic?: string;
  /** Of the event, as its sender named it; left out, they follow from its place. */
  source?: string;
  id?: string;
  signal?: AbortSignal;
  firstOffset?: number;
  headers?: Record<string, Buffer>;
}

/** An envelope of a record at `offset` of a test topic. */
export function testEnvelope(
  data: Flow,
  offset: number,
  onSettled: (settlement: Settlement) => void,
  { schema = 'media.added', topic = 'test', ...given }: InputOptions = {},
): Envelope<Flow> {
  const { signal = new AbortController().signal, headers = {} } = given;
  const { source = `/test/${topic}`, id = `${topic}-0-${offset}` } = given;
  const origin = { topic, partition: 0, offset, key: null, value: Buffer.from('{}'), headers, timestamp: 0 };
  const work = new Work();
  if (signal.aborted) work.abort(asVimiError(signal.reason));
  else signal.addEventListener('abort', () => work.abort(asVimiError(signal.reason)), { once: true });
  const event = {
    ...{ id, source },
    type: `dev.vimi.${schema}.v1`,
    schema,
    time: '1970-01-01T00:00:00.000Z',
    data,
  };
  return openEnvelope(origin, event, data, work, onSettled, {
    pause: new Pause({ clock: systemClock }),
    watch: new StepWatch({ elapsed: systemClock.elapsed }),
  });
}

/** The operator as a step that is held to its spec, open. */
export async function openOperator(
  operator: Pick<Operator, 'config' | 'create'>,
  config: Record<string, unknown>,
  resources: Resources,
): Promise<OperatorInstance> {
  const instance = operator.create(operator.config.parse(config), resources, { held: true });
  await instance.open?.();
  return instance;
}

/** Sends flows through one operator and waits until the step completes. */
export async function runOperator<D extends object>(
  operator: Operator<D>,
  config: Record<string, unknown>,
  resources: Resources,
  flows: NoInfer<D>[],
  options: InputOptions = {},
): Promise<OperatorRun & { instance: OperatorInstance }> {
  const instance = await openOperator(operator, config, resources);
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
  return { emitted: emitted as OperatorRun['emitted'], settlements, instance };
}

/** The code of each input's rejection, or its outcome's kind. */
export function outcomes(run: OperatorRun): string[] {
  return run.settlements.map(({ outcome }) =>
    outcome.kind === 'rejected' ? outcome.error.code : outcome.kind === 'dropped' ? outcome.reason : outcome.kind,
  );
}

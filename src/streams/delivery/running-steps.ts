import { asVimiError, VimiError } from '../../core/errors.js';
import type { Log } from '../../core/log.js';
import type { NewRecord } from '../../events/record.js';
import { placeOf } from '../../events/replay.js';
import { lookOn } from '../../flow/look-on.js';
import type { OffsetMove, OperatorInstance, Resources, Sealed, Takeover } from '../../flow/operator.js';
import type { Pause } from '../../flow/pause.js';
import type { Settlement } from '../../flow/settlement.js';
import { type PipelineSpec, stepOf } from './pipeline-spec.js';
import { statesBudget } from './position.js';
import type { Settled } from './settled.js';
import type { Sinks } from './sinks.js';
import type { Side, Taps } from './taps.js';

/** A step that could not tell of an event's outcome. */
export class Untold extends Error {
  readonly step: string;
  readonly error: VimiError;

  constructor(step: string, error: VimiError) {
    super(error.message);
    this.step = step;
    this.error = error;
  }
}

interface RunningStep {
  name: string;
  instance: OperatorInstance;
}

/** What the steps of a pipeline have to say besides the envelopes that flow through them. */
export class RunningSteps {
  readonly #steps: RunningStep[] = [];
  readonly #pipeline: string;
  readonly #log: Log;

  private constructor(pipeline: string, log: Log) {
    this.#pipeline = pipeline;
    this.#log = log;
  }

  /** Opens them in their order. When one cannot be, those before it are closed. TOPOLOGY_INVALID when a commit cannot hold their states. */
  static async open(
    { name, steps }: Pick<PipelineSpec, 'name' | 'steps'>,
    { resources, pause, log, signal }: { resources: Resources; pause: Pause; log: Log; signal: AbortSignal },
  ): Promise<RunningSteps> {
    const running = new RunningSteps(name, log);
    try {
      for (const step of steps) {
        const instance = stepOf(step, resources);
        await pause.through(step.name, async () => instance.open?.(), signal);
        running.#steps.push({ name: step.name, instance });
      }
      running.#checkStates();
      return running;
    } catch (error) {
      await running.close();
      throw error;
    }
  }

  /** Whether one of them asks in which order the events were published. */
  get areOrdered(): boolean {
    return this.#steps.some(({ instance }) => instance.isOrdered);
  }

  /** The steps as they run. Between them stands whoever looks at what one hands on and the next takes. */
  chain(taps: Taps | undefined): Pick<OperatorInstance, 'step'>[] {
    const instances = this.#steps.map(({ instance }) => instance);
    if (!taps) return instances;
    const names = this.#steps.map(({ name }) => name);
    const tap = (name: string | undefined, side: Side) => name && taps.of(this.#pipeline, name, side);
    const between = (before: string | undefined, behind: string | undefined) => {
      const [output, input] = [tap(before, 'output'), tap(behind, 'input')];
      return {
        step: lookOn((envelope) => {
          if (output) output.see(envelope);
          if (input) input.see(envelope);
        }),
      };
    };
    return [between(undefined, names[0]), ...instances.flatMap((one, at) => [one, between(names[at], names[at + 1])])];
  }

  /** Before the first event of a partition. */
  async takeOver(takeover: Takeover): Promise<void> {
    for (const { instance } of this.#steps) await instance.onTakeover?.(takeover);
  }

  async beforeCommit(settled: readonly Settled[]): Promise<void> {
    for (const { instance } of this.#steps) await instance.beforeCommit?.(settled);
  }

  /** What they say of an outcome. Throws Untold; of a rejected event, what cannot be told is logged and left unsaid. */
  tellOutcome(settlement: Settlement): NewRecord[] {
    return this.#steps.flatMap(({ name: step, instance }) => {
      try {
        return instance.onOutcome?.(settlement) ?? [];
      } catch (thrown) {
        const error = asVimiError(thrown);
        if (settlement.outcome.kind !== 'rejected') throw new Untold(step, error);
        this.#log.error(
          {
            ...{ pipeline: this.#pipeline, where: placeOf(settlement.origin), step },
            ...{ code: error.code, error: error.message },
          },
          'A step failed to report a reject; the reject is kept without its report',
        );
        return [];
      }
    });
  }

  /** What they make of a committed offset that moves on; `states`: theirs, by name, which are changed. */
  async seal(
    move: Omit<OffsetMove, 'state'>,
    states: Record<string, number>,
    sinks: Sinks,
  ): Promise<{ records: NewRecord[]; afterCommit: NonNullable<Sealed['afterCommit']>[] }> {
    const records: NewRecord[] = [];
    const afterCommit: NonNullable<Sealed['afterCommit']>[] = [];
    for (const { name, instance } of this.#sealers) {
      const sealed = await instance.onOffsetMove!({ ...move, state: states[name] ?? 0 });
      for (const product of sealed.products) records.push(...(await sinks(product)));
      states[name] = sealed.state;
      if (sealed.afterCommit) afterCommit.push(() => sealed.afterCommit!());
    }
    return { records, afterCommit };
  }

  async close(): Promise<void> {
    for (const { name: step, instance } of this.#steps)
      await instance
        .close?.()
        .catch((error: unknown) =>
          this.#log.warn({ step, error: String(error) }, 'Closing a step failed; continuing the shutdown'),
        );
  }

  get #sealers(): RunningStep[] {
    return this.#steps.filter(({ instance }) => instance.onOffsetMove);
  }

  #checkStates(): void {
    const names = this.#sealers.map(({ name }) => name);
    const bytes = names.reduce((sum, name) => sum + Buffer.byteLength(JSON.stringify(name)) + 18, 0);
    if (bytes <= statesBudget && new Set(names).size === names.length) return;
    throw new VimiError('TOPOLOGY_INVALID', 'The states of these steps do not fit into a commit', {
      expected: `different names, ${statesBudget} bytes with their numbers`,
      found: names.join(', '),
    });
  }
}

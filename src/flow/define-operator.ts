import { z } from 'zod';
import { errorCodes } from '../core/errors.js';
import type { NewRecord } from '../events/record.js';
import type { SchemaName } from '../events/schemas.js';
import type { ModelChoice } from '../models/ports.js';
import type { KnownDropReason } from './envelope.js';
import type { Flow } from './flow.js';
import { flowShapes } from './flow-shapes.js';
import { heldToSpec } from './held-to-spec.js';
import { type Drop, type delivered, isPromise, mapEach, type Returned } from './map-each.js';
import type {
  CodeMeaning,
  Contract,
  FieldShapes,
  Hooks,
  OffsetMove,
  Operator,
  OperatorInstance,
  Sealed,
  Takeover,
} from './operator.js';
import type { After } from './order.js';
import type { Settlement } from './settlement.js';
import { contextsOf, type StepContext, type StepRun, stepRun } from './step-context.js';

// biome-ignore lint/complexity/noBannedTypes: no field of its own.
type None = {};

/** The flow together with an operator's own fields. */
export type FlowWith<F extends FieldShapes> = Flow & { [K in keyof F]?: z.infer<F[K]> };
type FieldOf<F extends FieldShapes> = (keyof Flow | keyof F) & string;

/** What a field holds when it is there. */
type Value<F extends FieldShapes, K> = K extends keyof Flow
  ? NonNullable<Flow[K]>
  : K extends keyof F
    ? z.infer<F[K]>
    : never;

/** What `process` is given: what its operator needs, and what it reads where it is there. */
export type Given<F extends FieldShapes, N extends FieldOf<F>, O extends FieldOf<F>> = {
  [K in N]: Value<F, K>;
} & { [K in O]?: Value<F, K> };

/** What `process` may hand on: all that its operator adds; what it was given may be changed; nothing else. */
export type Made<F extends FieldShapes, G extends string, A extends FieldOf<F>> = {
  [K in A]: Value<F, K>;
} & { [K in keyof Flow]?: K extends A | G ? Value<F, K> : undefined } & {
  [K in keyof F]?: K extends A | G ? Value<F, K> : undefined;
};

export interface OperatorSpec<
  C extends z.ZodObject = z.ZodObject,
  F extends FieldShapes = None,
  N extends FieldOf<F> = never,
  O extends FieldOf<F> = never,
  A extends FieldOf<F> = never,
  D extends string = never,
  E extends string = never,
  K extends string = never,
> {
  /** A verb, as it stands in topology.yaml: small letters, digits and dashes, at most 63. */
  name: string;
  /** One sentence. */
  summary: string;
  /** For its page. What is left out follows from the rest of the spec. */
  contract?: Partial<Contract>;
  /** Strict, every field with a default and a description. No settings when left out. */
  config?: C;
  /** YAML of one step, as it would stand under `steps:`. Its name alone when left out. */
  example?: string;
  /** Fields that a step before it must have added. */
  needs: readonly N[];
  /** Fields that it reads where they are there. */
  optional?: readonly O[];
  /** Fields that each outcome of its adds. */
  adds: readonly A[];
  /** Shapes of fields that the flow does not know by itself. Two operators that share one name the same shape. */
  fields?: F;
  /** Its own drop reasons: small letters, digits and dashes, at most 32. Those of vimi need not be named. */
  drops?: readonly D[];
  /** Its own error codes, in capitals. Those of vimi need not be named. */
  codes?: Readonly<Record<E, CodeMeaning>>;
  /** What it counts besides outcomes, each with what is counted: small letters, digits and dashes. */
  counters?: Readonly<Record<K, string>>;
  /** The programs that it runs: looked for before the pipeline starts, and only those. */
  tools?: readonly ('ffmpeg' | 'ffprobe')[];
  /**
   * The models that a step with this configuration uses: each is started before the pipeline, and the operator gets it from
   * `models.of(choice)`. Paths are relative to the topology's folder. Steps that choose alike share a model.
   */
  models?(config: z.infer<C>): readonly ModelChoice[];
  /** The addresses (http, https) of servers that a step with this configuration calls: model_hosts of the topology must allow each. */
  servers?(config: z.infer<C>): readonly string[];
  /** Of one that makes products, per event or at committed offsets: their schema, and the fields that an object's name may hold. */
  product?: { schema: SchemaName; fields: readonly string[] };
}

/** What an operator does. `open` stands before `process`, so that the compiler knows the state. */
export interface Behaviour<C, S, E extends string, K extends string, G extends object, R> {
  /** Events worked on at once. Default 1. A function is asked whenever an event may begin: what it says may change. */
  concurrency?: number | ((config: C, state: S) => number);
  /**
   * For work that depends on the events before: it begins with an event only after all that were published before have begun in this
   * step (`begun`) or have their outcome (`settled`). Of the events of this process. Default: as they come.
   */
  after?: After;
  /** Of a failure that may pass: tries, the first included (default 3), and the wait before the second, doubled each time (default 200 ms). */
  retry?: { attempts?: number; backoffMs?: number };
  /** Makes what the step keeps while it runs: called once, before the first event. What it throws ends the pipeline. */
  open?(run: StepRun<C, undefined, E, K>): S | Promise<S>;
  /**
   * The work on one event. It returns the fields that it adds, `{}` for none; a list of them, which splits the event;
   * `drop(reason)`; or `delivered`, which ends the event here. What it throws rejects the event, or is tried again,
   * by the error's fault.
   */
  process(data: G, context: StepContext<C, S, E, K>): R | Promise<R>;
  /** Called once, after the last event. */
  close?(run: StepRun<C, S, E, K>): void | Promise<void>;
  /** Called before the first event of a partition comes; tried again while it fails. */
  onTakeover?(takeover: Takeover, run: StepRun<C, S, E, K>): Promise<void>;
  /** Called before the commit that carries these outcomes; while it fails, that commit waits. */
  beforeCommit?(settled: readonly Pick<Settlement, 'origin' | 'parts'>[], run: StepRun<C, S, E, K>): Promise<void>;
  /** Called before a commit that moves a partition's committed offset; what it returns is published in that same commit. */
  onOffsetMove?(move: OffsetMove, run: StepRun<C, S, E, K>): Promise<Sealed>;
  /** Called once a consumed event has its outcome; what it returns is published in the commit that carries the outcome. */
  onOutcome?(settlement: Settlement, run: StepRun<C, S, E, K>): NewRecord[];
}

/**
 * Makes an operator of its spec and what it does. The spec is the only source of its settings, defaults, page and checks.
 * Throws a TypeError for a spec that breaks the rules of its fields.
 */
export function defineOperator<
  C extends z.ZodObject = z.ZodObject<None>,
  F extends FieldShapes = None,
  const N extends FieldOf<F> = never,
  const O extends FieldOf<F> = never,
  const A extends FieldOf<F> = never,
  const D extends string = never,
  E extends string = never,
  K extends string = never,
  S = undefined,
>(
  spec: OperatorSpec<C, F, N, O, A, D, E, K>,
  behaviour: Behaviour<
    z.infer<C>,
    S,
    E,
    K,
    Given<F, N, O>,
    Made<F, N | O, A> | Made<F, N | O, A>[] | Drop<NoInfer<D> | KnownDropReason> | typeof delivered
  >,
): Operator<FlowWith<F>> {
  const { optional = [], fields = {}, drops = [], codes = {}, counters = {}, needs, adds } = spec;
  const operator: Operator = {
    ...(spec as Pick<Operator, 'name' | 'summary' | 'tools' | 'models' | 'servers' | 'product'>),
    ...{ needs, optional, adds, fields, drops, codes, counters },
    config: spec.config ?? z.strictObject({}),
    example: spec.example ?? `- ${spec.name}`,
    contract: contractOf(spec as OperatorSpec),
    // `this` is what the topology loaded: it knows its module.
    create(config, resources, { step = spec.name, held = false } = {}) {
      return instanceOf(this, behaviour as unknown as AnyBehaviour, { step, held, config, resources });
    },
  };
  const wrong = mistakesIn(operator, behaviour);
  if (wrong.length > 0) throw new TypeError(`defineOperator: ${wrong.join('; ')}`);
  return operator as Operator<FlowWith<F>>;
}

type AnyBehaviour = Behaviour<Record<string, unknown>, unknown, string, string, object, Returned>;

function instanceOf(
  operator: Operator,
  behaviour: AnyBehaviour,
  {
    step,
    held,
    config,
    resources,
  }: { step: string; held: boolean; config: Record<string, unknown>; resources: Parameters<Operator['create']>[1] },
): OperatorInstance {
  const run = stepRun(operator, step, config, resources);
  const contextOf = contextsOf(run);
  const { concurrency = 1, retry, open, after } = behaviour;
  const spec = held ? heldToSpec(operator, step) : undefined;
  const instance: OperatorInstance = {
    step: mapEach<never>(
      (data, envelope, place) => {
        if (!spec) return behaviour.process(data, contextOf(envelope, place));
        const returned = behaviour.process(spec.view(data), contextOf(envelope, place));
        return isPromise(returned) ? returned.then((known) => spec.check(known, data)) : spec.check(returned, data);
      },
      {
        step,
        concurrency: typeof concurrency === 'function' ? () => concurrency(config, run.state) : concurrency,
        clock: resources.clock,
        after,
        ...retry,
      },
    ),
    isOrdered: after !== undefined,
  };
  if (open)
    instance.open = async () => {
      run.state = await open.call(behaviour, run as StepRun);
    };
  if (behaviour.close) instance.close = async () => behaviour.close?.(run);
  for (const hook of hooks) {
    const called = behaviour[hook] as
      | ((told: unknown, run: StepRun<Record<string, unknown>, unknown>) => unknown)
      | undefined;
    if (called) Object.assign(instance, { [hook]: (told: unknown) => called.call(behaviour, told, run) });
  }
  return instance;
}

const hooks = ['onTakeover', 'beforeCommit', 'onOffsetMove', 'onOutcome'] as const satisfies (keyof Hooks)[];

function contractOf({ contract, needs, optional = [], adds, drops = [], codes = {} }: OperatorSpec): Contract {
  const list = (names: readonly string[], none: string) => (names.length > 0 ? `${names.join(', ')}.` : none);
  return {
    in: `${list(needs, 'Any event.')}${optional.length > 0 ? ` Where they are there: ${list(optional, '')}` : ''}`,
    out: list(adds, 'The same.'),
    drops: list(drops, 'Nothing.'),
    fails: list(Object.keys(codes), 'With the codes of vimi.'),
    memory: 'Not said.',
    ...contract,
  };
}

const word = /^[a-z][a-z0-9-]{0,31}$/;

function mistakesIn({ fields, drops, codes, counters }: Operator, behaviour: unknown): string[] {
  if (typeof (behaviour as { process?: unknown } | null)?.process !== 'function')
    return ['the second argument must be { process(data, context) { ... } }'];
  return [
    ...Object.keys(fields)
      .filter((name) => Object.hasOwn(flowShapes, name))
      .map((name) => `fields: '${name}' is a field of the flow already`),
    ...drops
      .filter((reason) => !word.test(reason))
      .map((reason) => `drops: '${reason}' is no reason, such as has-logo`),
    ...Object.keys(counters)
      .filter((counter) => !word.test(counter))
      .map((counter) => `counters: '${counter}' is no name, such as logos-found`),
    ...Object.keys(codes)
      .filter((code) => !/^[A-Z][A-Z0-9_]{0,63}$/.test(code) || Object.hasOwn(errorCodes, code))
      .map(
        (code) =>
          `codes: '${code}' ${Object.hasOwn(errorCodes, code) ? 'has a meaning in vimi already' : 'is no code, such as HAS_LOGO'}`,
      ),
  ];
}

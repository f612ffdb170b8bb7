import assert from 'node:assert/strict';
import { Subject, toArray } from 'rxjs';
import { parse } from 'yaml';
import { VimiError } from '../core/errors.js';
import type { Flow } from '../flow/flow.js';
import type { Operator, Resources } from '../flow/operator.js';
import { type InputOptions, openOperator, resourcesWith, runOperator, type testEnvelope } from './run-operator.js';

/** `D`: what the operator is given. */
export interface ContractCase<D extends object = Flow> {
  /** Configuration under which `good` and `bad` are tried. */
  config?: Record<string, unknown>;
  /** What the operator reaches outside of its envelopes; a clock, a log and little else when left out. */
  resources?: () => Resources | Promise<Resources>;
  /** A flow that the operator takes; called anew for each envelope. */
  good: () => D | Promise<D>;
  /** A flow that it must reject, and with which code. Left out: nothing can be wrong with its input. */
  bad?: (() => { flow: D; code: string } | Promise<{ flow: D; code: string }>) | null;
  input?: InputOptions;
}

export interface ContractCheck {
  name: string;
  /** Throws where the operator breaks the contract. */
  check: () => Promise<void>;
}

/**
 * The contract that every operator keeps, as checks for any runner of tests: its example parses, each input gets exactly
 * one outcome, a bad input is rejected and its neighbours go on, a cancelled one is dropped as cancelled, and it completes
 * when its source does.
 */
export function operatorContract<D extends object>(
  operator: Operator<D>,
  { config = {}, resources = () => resourcesWith({}), good, bad, input }: ContractCase<NoInfer<D>>,
): ContractCheck[] {
  const run = async (flows: D[], more: InputOptions = {}) => {
    const made = await runOperator(operator, config, await resources(), flows, { ...input, ...more });
    await made.instance.close?.();
    return made;
  };
  const checks: ContractCheck[] = [
    {
      name: 'has an example that its own schema accepts',
      async check() {
        const step: unknown = parse(operator.example);
        const first: unknown = Array.isArray(step) ? step[0] : step;
        const [name, options] = typeof first === 'string' ? [first, {}] : Object.entries(first as object)[0]!;
        assert.equal(name, operator.name);
        operator.config.parse(options ?? {});
      },
    },
    {
      name: 'has a default for every option, a description of each, and refuses unknown ones',
      async check() {
        operator.config.parse({});
        for (const [key, field] of Object.entries(operator.config.shape))
          assert.ok((field as { description?: string }).description, `${key} has no description`);
        assert.equal(operator.config.safeParse({ surely_unknown: 1 }).success, false, 'it takes unknown options');
      },
    },
    {
      name: 'gives each input exactly one outcome',
      async check() {
        const { settlements, emitted } = await run([await good(), await good(), await good()]);
        assert.equal(settlements.filter(Boolean).length, 3);
        for (const { outcome } of settlements) assert.notEqual(outcome.kind, 'rejected', JSON.stringify(outcome));
        if (operator.adds.length > 0) assert.notEqual(emitted.length, 0, 'nothing came out of it');
        for (const { data } of emitted)
          for (const field of operator.adds)
            assert.notEqual((data as Record<string, unknown>)[field], undefined, `${field} is not there`);
      },
    },
    {
      name: 'drops a cancelled input as cancelled and does not emit it',
      async check() {
        const cancel = new AbortController();
        cancel.abort(new VimiError('CANCELLED', 'The test cancelled it'));
        const { settlements, emitted } = await run([await good()], { signal: cancel.signal });
        assert.deepEqual(settlements[0]?.outcome, { kind: 'dropped', reason: 'cancelled' });
        assert.equal(emitted.length, 0);
      },
    },
    {
      name: 'completes when its source completes, also an empty one',
      async check() {
        const instance = await openOperator(operator, config, await resources());
        const source = new Subject<ReturnType<typeof testEnvelope>>();
        const done = new Promise((resolve, reject) =>
          instance.step(source).pipe(toArray()).subscribe({ next: resolve, error: reject }),
        );
        source.complete();
        assert.deepEqual(await done, []);
        await instance.close?.();
      },
    },
  ];
  if (bad)
    checks.push({
      name: 'rejects a bad input with its code and goes on with its neighbours',
      async check() {
        const { flow, code } = await bad();
        const { settlements } = await run([await good(), flow, await good()]);
        const outcomes = settlements.map(({ outcome }) =>
          outcome.kind === 'rejected' ? outcome.error.code : outcome.kind,
        );
        assert.equal(outcomes[1], code);
        assert.ok(outcomes[0] !== code && outcomes[2] !== code, `its neighbours: ${outcomes}`);
      },
    });
  return checks;
}

import assert from 'node:assert/strict';
import { Subject, toArray } from 'rxjs';
import { parse } from 'yaml';
import { VimiError } from '../errors.js';
import type { Flow } from '../operators/flow.js';
import type { Operator, Resources } from '../operators/operator.js';
import { type InputOptions, resourcesWith, runOperator, type testEnvelope } from './run-operator.js';

export interface ContractCase {
  /** Configuration under which `good` and `bad` are tried. */
  config?: Record<string, unknown>;
  /** What the operator reaches outside of its envelopes; a clock, a log and little else when left out. */
  resources?: () => Resources | Promise<Resources>;
  /** A flow that the operator takes; called anew for each envelope. */
  good: () => Flow | Promise<Flow>;
  /** A flow that it must reject, and with which code; null: nothing can be wrong with its input. */
  bad: (() => { flow: Flow; code: string } | Promise<{ flow: Flow; code: string }>) | null;
  input?: InputOptions;
}

export interface ContractCheck {
  name: string;
  /** Throws where the operator breaks the contract. */
  check: () => Promise<void>;
}

/**
 * The contract that every operator keeps, as checks for any runner of tests: its example parses, each input gets exactly
 * one fate, a bad input is rejected and its neighbours go on, a cancelled one is dropped as cancelled, and it completes
 * when its source does.
 */
export function operatorContract(
  operator: Operator,
  { config = {}, resources = () => resourcesWith({}), good, bad, input }: ContractCase,
): ContractCheck[] {
  const run = async (flows: Flow[], more: InputOptions = {}) => {
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
      name: 'gives each input exactly one fate',
      async check() {
        const { settlements, emitted } = await run([await good(), await good(), await good()]);
        assert.equal(settlements.filter(Boolean).length, 3);
        for (const { fate } of settlements) assert.notEqual(fate.kind, 'rejected', JSON.stringify(fate));
        if (operator.adds.length > 0) assert.notEqual(emitted.length, 0, 'nothing came out of it');
        for (const { data } of emitted)
          for (const field of operator.adds) assert.notEqual(data[field], undefined, `${field} is not there`);
      },
    },
    {
      name: 'drops a cancelled input as cancelled and does not emit it',
      async check() {
        const cancel = new AbortController();
        cancel.abort(new VimiError('CANCELLED', 'The test cancelled it'));
        const { settlements, emitted } = await run([await good()], { signal: cancel.signal });
        assert.deepEqual(settlements[0]?.fate, { kind: 'dropped', reason: 'cancelled' });
        assert.equal(emitted.length, 0);
      },
    },
    {
      name: 'completes when its source completes, also an empty one',
      async check() {
        const instance = operator.create(operator.config.parse(config) as never, await resources());
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
        const fates = settlements.map(({ fate }) => (fate.kind === 'rejected' ? fate.error.code : fate.kind));
        assert.equal(fates[1], code);
        assert.ok(fates[0] !== code && fates[2] !== code, `its neighbours: ${fates}`);
      },
    });
  return checks;
}

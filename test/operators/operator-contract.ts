import { Subject, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { VimiError } from '../../src/errors.js';
import type { Flow } from '../../src/operators/flow.js';
import type { Operator, Resources } from '../../src/operators/operator.js';
import type { InputOptions } from './run-operator.js';
import { runOperator, type testEnvelope } from './run-operator.js';

export interface ContractCase {
  /** Configuration under which `good` and `bad` are tried. */
  config?: Record<string, unknown>;
  resources: () => Resources | Promise<Resources>;
  /** A flow that the operator takes; called anew for each envelope. */
  good: () => Flow | Promise<Flow>;
  /** A flow that it must reject, and with which code; null: nothing can be wrong with its input. */
  bad: (() => { flow: Flow; code: string } | Promise<{ flow: Flow; code: string }>) | null;
  input?: InputOptions;
}

/**
 * The contract that every operator keeps, executed: its example parses, each input gets exactly one fate, a bad input
 * is rejected and its neighbours go on, a cancelled one is dropped as cancelled, and it completes when its source does.
 */
export function describeOperator(operator: Operator, { config = {}, resources, good, bad, input }: ContractCase): void {
  describe(`${operator.name} keeps the operator contract`, () => {
    it('has an example that its own schema accepts', () => {
      const step: unknown = parse(operator.example);
      const first: unknown = Array.isArray(step) ? step[0] : step;
      const [name, options] = typeof first === 'string' ? [first, {}] : Object.entries(first as object)[0]!;
      expect(name).toBe(operator.name);
      expect(() => operator.config.parse(options ?? {})).not.toThrow();
    });

    it('has a default for every option, a description of each, and refuses unknown ones', () => {
      expect(() => operator.config.parse({})).not.toThrow();
      for (const [key, field] of Object.entries(operator.config.shape))
        expect((field as { description?: string }).description, key).toBeTruthy();
      expect(operator.config.safeParse({ surely_unknown: 1 }).success).toBe(false);
    });

    it('gives each input exactly one fate', async () => {
      const run = await runOperator(
        operator,
        config,
        await resources(),
        [await good(), await good(), await good()],
        input,
      );
      expect(run.settlements.filter(Boolean)).toHaveLength(3);
      for (const { fate } of run.settlements) expect(fate.kind, JSON.stringify(fate)).not.toBe('rejected');
      if (operator.adds.length > 0) expect(run.emitted).not.toEqual([]);
      for (const { data } of run.emitted) for (const field of operator.adds) expect(data[field], field).toBeDefined();
      await run.instance.close?.();
    });

    if (bad)
      it('rejects a bad input with its code and goes on with its neighbours', async () => {
        const { flow, code } = await bad();
        const run = await runOperator(operator, config, await resources(), [await good(), flow, await good()], input);
        const fates = run.settlements.map(({ fate }) => (fate.kind === 'rejected' ? fate.error.code : fate.kind));
        expect(fates[1]).toBe(code);
        expect([fates[0], fates[2]]).not.toContain(code);
        await run.instance.close?.();
      });

    it('drops a cancelled input as cancelled and does not emit it', async () => {
      const cancel = new AbortController();
      cancel.abort(new VimiError('CANCELLED', 'The test cancelled it'));
      const run = await runOperator(operator, config, await resources(), [await good()], {
        ...input,
        signal: cancel.signal,
      });
      expect(run.settlements[0]?.fate).toEqual({ kind: 'dropped', reason: 'cancelled' });
      expect(run.emitted).toHaveLength(0);
      await run.instance.close?.();
    });

    it('completes when its source completes, also an empty one', async () => {
      const instance = operator.create(operator.config.parse(config) as never, await resources());
      const source = new Subject<ReturnType<typeof testEnvelope>>();
      const done = new Promise((resolve, reject) =>
        instance.step(source).pipe(toArray()).subscribe({ next: resolve, error: reject }),
      );
      source.complete();
      expect(await done).toEqual([]);
      await instance.close?.();
    });
  });
}

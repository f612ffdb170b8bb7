import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PartitionState, type PartitionStateName } from '../../../src/streams/delivery/partition-state.js';

const names: PartitionStateName[] = ['taking over', 'taking', 'draining', 'sealing', 'given up', 'fenced'];
const facts = ({ admits, isOver, admitting, committing }: PartitionState) => ({
  ...{ admits, isOver, signals: [admitting.aborted, committing.aborted] },
});

describe('the state of a partition', () => {
  it('goes from taking over to given up when a run drains its topic', () => {
    const state = new PartitionState();
    expect([state.name, facts(state)]).toEqual([
      'taking over',
      { admits: true, isOver: false, signals: [false, false] },
    ]);
    expect(state.enter('taking')).toBe(true);
    expect(facts(state)).toEqual({ admits: true, isOver: false, signals: [false, false] });
    expect(state.enter('draining')).toBe(true);
    // What is in flight is still committed.
    expect(facts(state)).toEqual({ admits: false, isOver: false, signals: [true, false] });
    expect(state.enter('sealing')).toBe(true);
    expect(facts(state)).toEqual({ admits: false, isOver: false, signals: [true, false] });
    expect(state.enter('given up')).toBe(true);
    expect(facts(state)).toEqual({ admits: false, isOver: true, signals: [true, true] });
  });

  it('can be fenced, or given up, from wherever it is, and then changes no more', () => {
    for (const end of ['fenced', 'given up'] as const)
      for (const way of [[], ['taking'], ['draining'], ['draining', 'sealing']] as PartitionStateName[][]) {
        const state = new PartitionState();
        for (const name of way) expect(state.enter(name)).toBe(true);
        expect(state.enter(end)).toBe(true);
        expect(facts(state)).toEqual({ admits: false, isOver: true, signals: [true, true] });
        for (const name of names) expect(state.enter(name)).toBe(false);
        expect(state.name).toBe(end);
      }
  });

  it('seals nothing before it has stopped taking, and takes nothing after', () => {
    const state = new PartitionState();
    expect(state.enter('sealing')).toBe(false);
    state.enter('taking');
    expect(state.enter('sealing')).toBe(false);
    state.enter('draining');
    expect(state.enter('taking')).toBe(false);
    expect(state.name).toBe('draining');
  });

  it('only goes forward, whatever is asked of it', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...names)), (asked) => {
        const state = new PartitionState();
        for (const name of asked) {
          const [before, was] = [names.indexOf(state.name), facts(state)];
          if (state.enter(name)) expect(names.indexOf(state.name)).toBeGreaterThan(before);
          else expect(names.indexOf(state.name)).toBe(before);
          // What has ended does not begin again.
          if (was.isOver) expect(state.isOver).toBe(true);
          if (!was.admits) expect(state.admits).toBe(false);
        }
      }),
    );
  });
});

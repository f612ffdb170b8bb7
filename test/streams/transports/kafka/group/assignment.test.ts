import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assign,
  type Claims,
  decodeAssignment,
  decodeClaims,
  encodeAssignment,
  encodeClaims,
  keyOf,
} from '../../../../../src/streams/transports/kafka/group/assignment.js';
import type { TopicPartition } from '../../../../../src/streams/transports/transport.js';

const range = (count: number, topic = 'in'): TopicPartition[] =>
  Array.from({ length: count }, (_, partition) => ({ topic, partition }));
const member = (owned: TopicPartition[] = [], more: Partial<Claims> = {}): Claims => ({
  topics: ['in'],
  owned,
  leaving: [],
  generation: 1,
  ...more,
});
const counts = (assigned: Map<string, TopicPartition[]>) => [...assigned.values()].map(({ length }) => length);

describe('how a group shares partitions', () => {
  it('gives all of them to one member', () => {
    const { assigned, moving } = assign(new Map([['a', member()]]), new Map([['in', 5]]));
    expect([...assigned]).toEqual([['a', range(5)]]);
    expect(moving).toBe(false);
  });

  it('moves a partition in two rounds: first nobody has it', () => {
    const topics = new Map([['in', 4]]);
    const first = assign(
      new Map([
        ['a', member(range(4))],
        ['b', member()],
      ]),
      topics,
    );
    expect([...first.assigned]).toEqual([
      ['a', range(2)],
      ['b', []],
    ]);
    expect(first.moving).toBe(true);
    const draining = assign(
      new Map([
        ['a', member(range(2), { leaving: range(4).slice(2) })],
        ['b', member()],
      ]),
      topics,
    );
    expect([...draining.assigned]).toEqual([
      ['a', range(2)],
      ['b', []],
    ]);
    expect(draining.moving).toBe(true);
    const second = assign(
      new Map([
        ['a', member(range(2))],
        ['b', member()],
      ]),
      topics,
    );
    expect([...second.assigned]).toEqual([
      ['a', range(2)],
      ['b', range(4).slice(2)],
    ]);
    expect(second.moving).toBe(false);
  });

  it('gives what a lost member had to the others, and moves nothing else', () => {
    const [a, b] = [range(6).slice(0, 2), range(6).slice(2, 4)];
    const { assigned, moving } = assign(
      new Map([
        ['a', member(a)],
        ['b', member(b)],
      ]),
      new Map([['in', 6]]),
    );
    expect(counts(assigned)).toEqual([3, 3]);
    expect(assigned.get('a')).toEqual(expect.arrayContaining(a));
    expect(assigned.get('b')).toEqual(expect.arrayContaining(b));
    expect(moving).toBe(false);
  });

  it('believes the newer of two claims', () => {
    const zombie = member(range(2), { generation: 3 });
    const owner = member(range(2), { generation: 7 });
    const { assigned } = assign(
      new Map([
        ['a', zombie],
        ['b', owner],
        ['c', member()],
      ]),
      new Map([['in', 2]]),
    );
    expect(assigned.get('a')).toEqual([]);
    expect(assigned.get('b')!.length).toBe(1);
  });

  it('gives a topic to its subscribers only', () => {
    const members = new Map([
      ['a', member()],
      ['b', member([], { topics: ['other'] })],
    ]);
    const { assigned } = assign(
      members,
      new Map([
        ['in', 2],
        ['other', 1],
      ]),
    );
    expect(assigned.get('a')).toEqual(range(2));
    expect(assigned.get('b')).toEqual(range(1, 'other'));
  });

  it('settles, evenly, and never gives a partition to two, whoever comes and goes', () => {
    const change = fc.record({ joins: fc.nat(2), leaves: fc.nat(2), grows: fc.nat(3) });
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 12 }),
        (changes, start) => {
          let partitions = start;
          let named = 0;
          let generation = 0;
          const members = new Map<string, Claims>();
          for (const { joins, leaves, grows } of changes) {
            partitions += grows;
            for (const id of [...members.keys()].slice(0, leaves)) members.delete(id);
            for (let n = 0; n < joins; n++)
              members.set(`m${(named++ * 7) % 31}-${named}`, member([], { generation: -1 }));
            if (members.size === 0) continue;
            let moving = true;
            for (let rounds = 0; moving; rounds++) {
              expect(rounds).toBeLessThan(6);
              const held = new Set(
                [...members.values()].flatMap(({ owned, leaving }) => [...owned, ...leaving].map(keyOf)),
              );
              const result = assign(members, new Map([['in', partitions]]));
              generation++;
              const given = [...result.assigned].flatMap(([id, some]) => some.map((one) => [keyOf(one), id] as const));
              expect(new Set(given.map(([key]) => key)).size).toBe(given.length);
              for (const [id, claims] of members) {
                const mine = result.assigned.get(id)!.map(keyOf);
                const before = claims.owned.map(keyOf);
                // Nobody gets what another still holds.
                for (const key of mine) expect(before.includes(key) || !held.has(key)).toBe(true);
                const leaving = claims.owned.filter((one) => !mine.includes(keyOf(one)));
                // Half of them drain within the round, half need one more.
                const slow = rounds % 2 === 0 ? leaving : [];
                members.set(id, { ...claims, owned: result.assigned.get(id)!, leaving: slow, generation });
              }
              moving = result.moving;
            }
            const sizes = [...members.values()].map(({ owned }) => owned.length);
            expect(sizes.reduce((all, one) => all + one, 0)).toBe(partitions);
            expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
          }
        },
      ),
    );
  });

  it('carries claims and assignments as bytes', () => {
    const claims = member(range(3), { leaving: range(1, 'other'), generation: 12 });
    expect(decodeClaims(encodeClaims(claims))).toEqual(claims);
    const assignment = { partitions: [...range(2), ...range(1, 'other')], moving: true };
    expect(decodeAssignment(encodeAssignment(assignment))).toEqual(assignment);
    expect(decodeAssignment(Buffer.alloc(0))).toEqual({ partitions: [], moving: false });
    expect(decodeClaims(encodeClaims(claims).subarray(0, 20)).owned).toEqual([]);
  });
});

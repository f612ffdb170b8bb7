import { expect, it } from 'vitest';
import { behindAt } from '../../../src/app/looks/behind.js';
import { decodePosition, encodePosition } from '../../../src/streams/delivery/position.js';

const at = (committedOffset: number, ...beyond: { from: number; to: number }[]) =>
  encodePosition({ ...decodePosition(null), committedOffset, beyond });

it('what waits has no outcome yet: not what was finished out of turn, whether the log still keeps it or not', () => {
  const ends = [
    { partition: 0, low: 0, high: 10 },
    { partition: 1, low: 5, high: 10 },
    { partition: 2, low: 3, high: 7 },
  ];
  const outOfTurn = { from: 4, to: 6 };
  expect(
    behindAt(
      ends,
      new Map([
        [0, at(2, outOfTurn)],
        [1, at(2, outOfTurn)],
      ]),
    ),
  ).toEqual({ lag: 8 + 5 + 4, waiting: 6 + 4 + 4 });
});

import { expect, it } from 'vitest';
import { Positions } from '../../src/stores/positions.js';

const at = (partition: number, ...offsets: number[]) => offsets.map((offset) => ({ partition, offset }));

it('takes what is new, passes over what it has, and leaves gaps alone', () => {
  const positions = new Positions();
  const taken: object[] = [];
  positions.advance([...at(0, 0, 1, 5), ...at(2, 7)], (record) => taken.push(record));
  positions.advance([...at(0, 1, 5, 6), ...at(2, 7)], (record) => taken.push(record));
  expect(taken).toEqual([...at(0, 0, 1, 5), ...at(2, 7), ...at(0, 6)]);
  expect(positions.next).toEqual({ 0: 7, 2: 8 });
});

it('moves nothing when a record, or what makes one change of them, fails', () => {
  const positions = new Positions();
  const fail = () => {
    throw new Error('full');
  };
  expect(() => positions.advance(at(0, 0, 1), ({ offset }) => offset === 1 && fail())).toThrow('full');
  const commits = (work: () => void) => {
    work();
    fail();
  };
  expect(() => positions.advance(at(0, 0, 1), () => {}, commits)).toThrow('full');
  expect(positions.next).toEqual({});
});

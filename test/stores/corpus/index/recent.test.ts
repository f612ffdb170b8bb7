import { describe, expect, it } from 'vitest';
import { Recent } from '../../../../src/stores/corpus/index/recent.js';

describe('what was made last', () => {
  it('is made once while it is asked for, and again when others came between', () => {
    const made: number[] = [];
    const recent = new Recent<number, string>(3);
    const get = (key: number) => recent.get(key, (n) => `${made.push(n) && n}`);
    for (let n = 1; n <= 100; n++) {
      expect(get(0)).toBe('0');
      expect(get(n)).toBe(`${n}`);
    }
    expect(made.filter((n) => n === 0)).toEqual([0]);
    expect(get(100)).toBe('100');
    expect(made.filter((n) => n === 100)).toEqual([100]);
    expect(get(1)).toBe('1');
    expect(made.filter((n) => n === 1)).toEqual([1, 1]);
  });
});

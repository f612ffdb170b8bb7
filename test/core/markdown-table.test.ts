import { expect, test } from 'vitest';
import { markdownTable } from '../../src/core/markdown-table.js';

test('cells hold anything, and columns without anything in them are left out', () => {
  const rows = [
    ['a|b', '', 'one\ntwo'],
    ['c', '', ''],
  ];
  expect(markdownTable(['First', 'Second', 'Third'], rows)).toBe(
    ['| First | Third |', '| --- | --- |', '| a\\|b | one two |', '| c |  |'].join('\n'),
  );
});

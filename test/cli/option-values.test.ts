import { InvalidArgumentError } from 'commander';
import { expect, test } from 'vitest';
import { tgz } from '../../src/cli/option-values.js';

test('a bundle is named as the gzipped tar that it is', () => {
  for (const name of ['b.tgz', 'a/b.tar.gz', 'B.TGZ']) expect(tgz(name)).toBe(name);
  for (const name of ['b.zip', 'b', 'tgz']) expect(() => tgz(name)).toThrow(InvalidArgumentError);
});

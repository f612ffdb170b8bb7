import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KeyTable } from '../../src/stores/key-table.js';
import { testFolder } from '../media/make-media.js';

const folder = await testFolder();

describe('a table of keys', () => {
  it('has each key once, in the order in which they came, while others come and go', () => {
    const table = new KeyTable(join(folder, 'keys.sqlite'));
    for (const key of ['b', 'a', "c'; --", 'b', 'ä\u0000']) table.set(key, key.toUpperCase());
    table.set('a', 'again');
    table.delete("c'; --");
    table.delete('never there');
    expect([table.size, table.get('a'), table.get('x'), table.has('b')]).toEqual([3, 'again', undefined, true]);
    expect([...table.entries()]).toEqual([
      ['b', 'B'],
      ['a', 'again'],
      ['ä\u0000', 'Ä\u0000'],
    ]);
    for (const [key] of table.entries()) table.delete(key);
    expect([...table.entries()]).toEqual([]);
    table.close();
  });

  it('holds more than the heap of its process', () => {
    const script = `
      const { KeyTable } = await import(${JSON.stringify(new URL('../../dist/stores/key-table.js', import.meta.url))});
      const table = new KeyTable(process.argv[1]);
      const keyOf = (n) => 'images/' + String(n).padStart(64, '0') + '.webp';
      for (let n = 0; n < 200_000; n++) table.set(keyOf(n), 'media-1-' + n);
      let found = 0;
      for (const [key] of table.entries()) found += key === keyOf(found) ? 1 : 0;
      console.log(found, table.size);`;
    const heap = '--max-old-space-size=16';
    const args = [heap, '--input-type=module', '-e', script, join(folder, 'many.sqlite')];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect([stdout.trim(), stderr]).toEqual(['200000 200000', '']);
  });
});

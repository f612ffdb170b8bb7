import { describe, expect, it } from 'vitest';
import { RemovalTable, removalKey } from '../../../src/stores/removals/removals.js';

const sha = (digit: string) => digit.repeat(64);

describe('a table of removals', () => {
  it('covers what is named, and the bytes of what went with it, until it is taken back', () => {
    const table = new RemovalTable();
    const source = { kind: 'source', value: 'zoo' } as const;
    const document = { kind: 'document', value: sha('1'), under: source, image: sha('2'), file: sha('3') } as const;
    for (const one of [source, document]) table.set(removalKey(one), one);
    expect(table.of({ source: 'zoo', uri: 'a.png' })).toEqual(source);
    expect(table.of({ source: 'park', licence: 'zoo' })).toBeNull();
    for (const thing of [{ document: sha('1') }, { image: sha('2') }, { source: 'park', file: sha('3') }])
      expect(table.of(thing)).toEqual(document);
    // A hash is of one kind of thing.
    expect(table.of({ clip: sha('2'), image: sha('3') })).toBeNull();
    table.set(removalKey(document), null);
    expect(table.of({ image: sha('2'), file: sha('3') })).toBeNull();
    expect(table.all()).toEqual([source]);
  });

  it('covers bytes as long as one removal names them', () => {
    const table = new RemovalTable();
    for (const value of [sha('1'), sha('2')])
      table.set(`document:${value}`, { kind: 'document', value, image: sha('a') });
    table.set(`document:${sha('1')}`, null);
    expect(table.of({ image: sha('a') })?.value).toBe(sha('2'));
    table.set(`document:${sha('2')}`, null);
    expect(table.of({ image: sha('a') })).toBeNull();
  });
});

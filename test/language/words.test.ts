import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { words } from '../../src/language/words.js';

describe('[kind 6] words', () => {
  it.each([
    ['A Fóx isn’t here, yo-yo', ['a', 'fox', 'isn', 't', 'here', 'yo', 'yo']],
    ['一只狐狸在雪地里奔跑', ['一只', '狐狸', '在', '雪地', '里', '奔跑']],
    ['赤いキツネが走る', ['赤い', 'きつね', 'が', '走る']],
    ['ｷﾂﾈ', ['きつね']],
    ['หมาสีดำ', ['หมา', 'สี', 'ดำ']],
    ['a 👩🏽‍🚀 and 🦊🐶 ©', ['a', '👩‍🚀', 'and', '🦊', '🐶']],
    ['трамвай', ['трамвай']],
    ['أَسَد', ['اسد']],
    ['강아지', ['강아지']],
  ])('of %s', (text, expected) => {
    expect(words(text)).toEqual(expected.map((word) => words(word)[0]));
  });

  it('of texts in Latin script are what the trained networks have always read', () => {
    const latin = fc.string({ unit: fc.constantFrom(...'aZé ñ-.,’\'"½ﬁßø™7_\t\n', 'e\u0301', 'Ǆ'), maxLength: 40 });
    fc.assert(
      fc.property(latin, (text) => {
        const read =
          text
            .normalize('NFKD')
            .replace(/\p{M}+/gu, '')
            .toLowerCase()
            .match(/[\p{L}\p{N}]+/gu) ?? [];
        expect(words(text)).toEqual(read);
      }),
    );
  });

  it('of long texts without spaces take no memory by the square of their length', () => {
    expect(words('狐狸在雪地里'.repeat(20_000)).length).toBeGreaterThan(50_000);
  });
});

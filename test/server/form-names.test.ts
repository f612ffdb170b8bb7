import { describe, expect, it } from 'vitest';
import { fieldOf, memberOf, nested } from '../../src/server/form-names.js';

describe('names of the fields of a form', () => {
  it('are as they are, or say where in an object the value stands', () => {
    expect(
      nested([
        ['prompt', 'a fox'],
        ['retrieval[k]', 2],
        ['retrieval[filter][licences][]', 'MIT'],
        ['retrieval[pin][]', 'b'],
        ['retrieval[pin][]', 'a'],
      ]),
    ).toEqual({ prompt: 'a fox', retrieval: { k: 2, filter: { licences: ['MIT'] }, pin: ['b', 'a'] } });
    expect([fieldOf('retrieval[pin][]'), memberOf('retrieval[pin][]'), memberOf('references[0][entity]')]).toEqual([
      ...['retrieval', 'pin', 'entity'],
    ]);
    // No whole brackets: one name, which nobody knows.
    expect(nested([['retrieval[k', 2]])).toEqual({ 'retrieval[k': 2 });
    const { __proto__: own } = nested([['__proto__[role]', 'x']]) as { __proto__: object };
    expect([own, ({} as { role?: string }).role]).toEqual([{ role: 'x' }, undefined]);
  });

  it('of a list of objects go together in whichever order they come', () => {
    const both = {
      references: [
        { role: 'subject', at: 'a', of: { n: 1 } },
        { role: 'background', at: 'b', of: { n: 2 } },
      ],
    };
    const byName: [string, unknown][] = [
      ['references[][role]', 'subject'],
      ['references[][role]', 'background'],
      ['references[][at]', 'a'],
      ['references[][at]', 'b'],
      ['references[][of][n]', 1],
      ['references[][of][n]', 2],
    ];
    expect(nested(byName)).toEqual(both);
    expect(nested([0, 2, 4, 1, 3, 5].map((n) => byName[n]!))).toEqual(both);
    expect(
      nested([
        ['references[1][role]', 'background'],
        ['references[0][role]', 'subject'],
        ['references[0][entity]', 'fox'],
      ]),
    ).toEqual({ references: [{ role: 'subject', entity: 'fox' }, { role: 'background' }] });
  });

  it('that contradict each other are refused: nobody guesses what belongs to what', () => {
    const refused = (...names: string[]) => {
      try {
        return nested(names.map((name, n) => [name, n]));
      } catch (error) {
        return [(error as { code: string }).code, (error as Error).message];
      }
    };
    expect(refused('seed', 'seed')).toEqual(['HTTP_MALFORMED', 'A field of the form comes twice: found seed']);
    for (const names of [
      ['retrieval', 'retrieval[k]'],
      ['retrieval[k]', 'retrieval[k]'],
      ['references[]', 'references[][role]'],
      ['references[][role]', 'references[0][role]'],
    ])
      expect(refused(...names)).toEqual(['HTTP_MALFORMED', expect.stringContaining('comes twice')]);
    expect(refused('references[][role]', 'references[][role]', 'references[][entity]')).toEqual([
      'HTTP_MALFORMED',
      expect.stringContaining('found references[][role] 2 times, references[][entity] 1 times'),
    ]);
    for (const names of [['references[1][role]'], ['references[01][role]'], ['references[][pin][]']])
      expect(refused(...names)).toEqual(['HTTP_MALFORMED', expect.stringContaining('belong together')]);
  });
});

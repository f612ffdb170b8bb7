import { describe, expect, it } from 'vitest';
import { inPlace, type Placed } from '../../src/app/request-entities.js';
import type { VimiError } from '../../src/core/errors.js';
import type { GenerationRequested } from '../../src/events/schemas.js';

type Prompt = GenerationRequested['prompt'];

/** `fox` stands for the words "fox"; `fox=red fox` is another image for "red fox"; `fox=` has no words. */
function placed(prompt: Prompt, ...images: string[]): string {
  const references = images.map((image, n): Placed => {
    const [name = '', entity = name] = image.split('=');
    const part = { image: { uri: name } } as Placed['part'];
    return { part, ...(entity !== '' && { entity }), where: `references.${n}.entity` };
  });
  const parts = inPlace(prompt, references);
  if (typeof parts === 'string') return parts;
  return parts.map(({ text, image }) => text ?? `<${image && 'uri' in image ? image.uri : '?'}>`).join(' | ');
}
function refusal(prompt: Prompt, ...images: string[]) {
  try {
    placed(prompt, ...images);
  } catch (thrown) {
    const { code, where, found } = thrown as VimiError;
    return [code, where, found];
  }
  return undefined;
}

describe('an image that stands for words', () => {
  it('stands in their place, and others stand before the text', () => {
    expect(placed('a fox chases a cat', 'cat', 'fox')).toBe('a | <fox> | chases a | <cat>');
    expect(placed('a red fox, running', 'it=Red Fox')).toBe('a | <it> | , running');
    expect(placed('fox', 'fox')).toBe('<fox>');
    expect(placed('a fox by the sea', 'sea=', 'fox')).toBe('<sea> | a | <fox> | by the sea');
    expect(placed('a fox')).toBe('a fox');
  });

  it('stands in the text of a prompt in parts that has them', () => {
    const prompt = [{ text: 'it is late' }, { image: { uri: 'own' } }, { text: 'sees a fox' }] as Prompt;
    expect(placed(prompt, 'fox')).toBe('it is late | <own> | sees a | <fox>');
  });

  it('of those for the same words the second stands at their second place, or beside the first', () => {
    expect(placed('a fox meets a fox', 'one=fox', 'two=FOX')).toBe('a | <one> | meets a | <two>');
    expect(placed('a fox', 'front=fox', 'side=fox')).toBe('a | <front> | <side>');
    expect(placed('a fox meets a fox', 'one=fox', 'two=fox', 'three=fox')).toBe(
      'a | <one> | meets a | <two> | <three>',
    );
  });

  it('stands for none of the words that a longer one stands for, in whatever order they come', () => {
    const prompt = 'a red fox chases a fox';
    const both = 'a | <red> | chases a | <fox>';
    expect(placed(prompt, 'red=red fox', 'fox')).toBe(both);
    expect(placed(prompt, 'fox', 'red=red fox')).toBe(both);
    expect(placed('a fox chases a red fox', 'fox', 'red=red fox')).toBe('a | <fox> | chases a | <red>');
    expect(placed(`${prompt} and a fox`, 'one=fox', 'red=red fox', 'two=fox')).toBe(
      'a | <red> | chases a | <one> | and a | <two>',
    );
  });

  it('has them with one space between, as the model reads them', () => {
    const [, image] = inPlace(`a red${' '.repeat(200)}fox`, [
      { part: { image: { uri: 'fox' } } as Placed['part'], entity: 'red fox', where: 'entity' },
    ]) as Exclude<Prompt, string>;
    expect(image).toMatchObject({ entity: 'red fox' });
  });

  it('is refused where the prompt does not have them, or another has a part of them', () => {
    expect(refusal('a fox runs', 'foxes')).toEqual(['EVENT_INVALID', 'references.0.entity', 'foxes']);
    expect(refusal('a fox runs', 'fox', 'the=the fox')).toEqual(['EVENT_INVALID', 'references.1.entity', 'the fox']);
    expect(refusal('a red fox', 'one=red fox', 'two=fox')).toEqual(['EVENT_INVALID', 'references.1.entity', 'fox']);
    expect(refusal('a fox', 'x=?!')).toEqual(['EVENT_INVALID', 'references.0.entity', '?!']);
  });
});

import { words } from '../../language/words.js';
import { splitRetrieved } from '../name-in-prompt.js';
import type { ModelPrompt } from '../ports.js';

const nouns = words('background backgrounds backdrop field ground grass sky sea wall');
const prepositions = words('on in over across against before behind under through front of');
const colours = words('white black grey gray red green blue yellow orange purple pink brown turquoise beige');
/** Words between a preposition and the colour behind it: "in front of a very dark green". */
const between = 3;

/**
 * The prompt with `usual` ("on a white background") at its end where neither its words nor its images say what is behind the subjects.
 * Training named a background in every caption, so a model that reads of none takes one from any word: "a red bicycle" painted all red.
 * What the request said stays in its record (not from the paper).
 */
export function withUnsaidBackground(prompt: ModelPrompt, usual: string | undefined): ModelPrompt {
  if (usual === undefined || prompt.parts.some(coversFrame)) return prompt;
  const { own } = splitRetrieved(prompt.parts);
  const said = words(own.map((part) => ('text' in part ? part.text : '')).join(' '));
  return said.length === 0 || saysBackground(said) ? prompt : { ...prompt, parts: [...prompt.parts, { text: usual }] };
}

const coversFrame = (part: ModelPrompt['parts'][number]) =>
  'pixels' in part && (part.role === 'background' || part.role === 'first-frame');

/** A noun that is one, or a colour soon after a preposition: the backgrounds of training are plain colours. */
const saysBackground = (said: readonly string[]): boolean =>
  said.some(
    (word, i) =>
      nouns.includes(word) ||
      (colours.includes(word) && said.slice(Math.max(0, i - between), i).some((one) => prepositions.includes(one))),
  );

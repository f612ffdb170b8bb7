import { words } from '../../language/words.js';
import type { ModelPrompt } from '../ports.js';

/**
 * The prompt as a model reads it that learned backgrounds after these words only (`after` of the preset, `in`, say): where none
 * of them stands before an image with the role background, the first is put there. "A fox moves left on <background>" is read
 * as "... on in <background>". What the request said stays in its record.
 */
export function withBackgroundWords(prompt: ModelPrompt, after: readonly string[] = []): ModelPrompt {
  const [usual] = after;
  if (usual === undefined) return prompt;
  const parts = prompt.parts.flatMap((part, i): ModelPrompt['parts'] => {
    if (!('pixels' in part) || part.role !== 'background') return [part];
    const before = prompt.parts[i - 1];
    const said = before && 'text' in before ? words(before.text).join(' ') : '';
    return after.some((some) => ` ${said}`.endsWith(` ${some}`)) ? [part] : [{ text: usual }, part];
  });
  return { ...prompt, parts };
}

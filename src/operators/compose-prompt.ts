import { type ContextEntry, instructions, type Prompt, type PromptPart, type Task } from '../events/prompt.js';

/**
 * What the model reads: for each of at most `images` documents its caption and its image, then the user's parts. After
 * the first, `named` leaves out what the prompt does not name: a second best is another thing, or one thing twice. Pure:
 * a request and a training sample of the same task, parts and context give the same prompt, byte for byte.
 */
export function composePrompt(
  { task, parts }: { task: Task; parts: readonly PromptPart[] },
  entries: readonly ContextEntry[],
  { images, further = 'any' }: { images: number; further?: 'any' | 'named' },
): Prompt {
  const used = entries.filter(({ ranks }, n) => n === 0 || further === 'any' || ranks.named).slice(0, images);
  const hasContext = task === 'text-to-video' && used.length > 0;
  return {
    task,
    instruction: instructions[hasContext ? 'text-to-video with context' : task],
    parts: [
      ...used.flatMap(({ caption, image }): PromptPart[] => [{ text: caption }, { image, role: 'reference' }]),
      ...parts,
    ],
  };
}

import { type ContextEntry, instructions, type Prompt, type PromptPart, type Task } from '../../events/prompt.js';

/**
 * What the model is given: for each of at most `images` documents its caption and its image, then all motion examples, then
 * the user's parts. After the first image, `named` leaves out what the prompt does not name and the request does not pin: a second best is another thing, or one thing twice. Pure:
 * a request and a training sample of the same task, parts and context give the same prompt, byte for byte.
 */
export function composePrompt(
  { task, parts }: { task: Task; parts: readonly PromptPart[] },
  entries: readonly ContextEntry[],
  { images, further = 'any' }: { images: number; further?: 'any' | 'named' },
): Prompt {
  const motions = entries.flatMap(({ caption, clip }): PromptPart[] =>
    clip ? [{ clip, caption, role: 'motion' }] : [],
  );
  const stills = entries.filter(({ clip }) => !clip);
  const used = stills
    .filter(({ ranks }, n) => n === 0 || further === 'any' || ranks.named || ranks.pinned)
    .slice(0, images);
  const hasContext = task === 'text-to-video' && used.length > 0;
  return {
    task,
    instruction: instructions[hasContext ? 'text-to-video with context' : task],
    parts: [
      ...used.flatMap(({ caption, image }): PromptPart[] => [{ text: caption }, { image, role: 'reference' }]),
      ...motions,
      ...parts,
    ],
  };
}

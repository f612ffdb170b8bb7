import { countCharacters } from '../../core/cut-text.js';
import { VimiError } from '../../core/errors.js';
import { checkReadable } from '../../core/unreadable-text.js';
import type { Task } from '../../events/prompt.js';
import type { GenerationRequested } from '../../events/schemas.js';
import type { RequestClip } from './prompt-clip.js';
import type { RequestImage } from './prompt-image.js';

/** What a step allows, as its settings say. */
export interface RequestLimits {
  max_prompt_characters: number;
  max_images: number;
  max_clips: number;
  max_frames: number;
  max_side: number;
  max_steps: number;
  max_candidates: number;
}

/**
 * Refuses what no model is needed to refuse, before anything is decoded: REQUEST_OVER_LIMIT, PROMPT_EMPTY, PROMPT_TOO_LONG,
 * EVENT_INVALID for a task without its image, and for characters that no text has. Gives the parts of the prompt, and the task.
 */
export function checkRequest(
  request: GenerationRequested,
  limits: RequestLimits,
): { given: GivenPart[]; images: RequestImage[]; task: Task } {
  checkLimits(request, limits);
  const given = partsOf(request);
  const images = given.filter((part) => 'image' in part);
  checkPrompt(given, images, limits);
  const task = request.task ?? inferTask(images);
  checkTask(task, images);
  return { given, images, task };
}

export type GivenPart = { text: string } | RequestImage | RequestClip;

function partsOf({ prompt }: GenerationRequested): GivenPart[] {
  if (typeof prompt === 'string') return [{ text: prompt }];
  // What is null was left out: a part is told by the fields that it has.
  return prompt.map(
    (part) => Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined)) as GivenPart,
  );
}

function checkLimits(
  request: GenerationRequested,
  { max_frames, max_side, max_steps, max_candidates }: RequestLimits,
): void {
  const limits = {
    ...{ frames: max_frames, width: max_side, height: max_side, steps: max_steps, candidates: max_candidates },
  };
  for (const [field, most] of Object.entries(limits)) {
    const found = request[field as keyof typeof limits];
    if (found !== undefined && found > most)
      throw new VimiError('REQUEST_OVER_LIMIT', 'A request asks for more than is allowed here', {
        expected: `${field} of at most ${most}`,
        found: String(found),
      });
  }
}

/** Not only spaces, controls, and characters that no font shows. */
const visible = /[^\p{White_Space}\p{Control}\p{Default_Ignorable_Code_Point}]/u;

function checkPrompt(parts: GivenPart[], images: RequestImage[], limits: RequestLimits): void {
  const { max_prompt_characters, max_images, max_clips } = limits;
  const characters = parts.reduce((sum, part) => sum + countCharacters(textIn(part)), 0);
  if (characters > max_prompt_characters)
    throw new VimiError('PROMPT_TOO_LONG', 'This prompt is too long', {
      expected: `at most ${max_prompt_characters} characters`,
      found: `${characters} characters`,
    });
  if (images.length > max_images)
    throw new VimiError('REQUEST_OVER_LIMIT', 'This prompt has too many images', {
      expected: `at most ${max_images}`,
      found: String(images.length),
    });
  const clips = parts.filter((part) => 'clip' in part);
  if (clips.length > max_clips)
    throw new VimiError('REQUEST_OVER_LIMIT', 'This prompt has too many clips', {
      expected: `at most ${max_clips}`,
      found: String(clips.length),
    });
  const says = parts.some((part) => 'text' in part && visible.test(part.text));
  if (!says && images.length === 0)
    throw new VimiError('PROMPT_EMPTY', 'This prompt is empty', { expected: 'text, images or both' });
  for (const [n, part] of parts.entries())
    checkReadable(textIn(part), `prompt.${n}`, 'A prompt has a character that no text has');
}

function textIn(part: GivenPart): string {
  if ('text' in part) return part.text;
  return ('clip' in part ? part.caption : part.entity) ?? '';
}

function inferTask(images: RequestImage[]): Task {
  if (images.length === 0) return 'text-to-video';
  return images.some(({ role }) => role === 'first-frame') ? 'prediction' : 'subject-driven';
}

function checkTask(task: Task, images: RequestImage[]): void {
  const firstFrames = images.filter(({ role }) => role === 'first-frame').length;
  if (firstFrames > 1)
    throw new VimiError('EVENT_INVALID', 'A video can have only one first frame', {
      expected: 'one image with the role first-frame',
      found: `${firstFrames} of them`,
      where: 'prompt',
    });
  const first =
    images.find(({ role }) => role === 'first-frame') ??
    (task === 'prediction' ? images.find(({ role }) => role === undefined) : undefined);
  if (first?.entity !== undefined)
    throw new VimiError('EVENT_INVALID', 'A first frame stands for no words of the prompt', {
      ...{ expected: 'a first frame without entity', found: first.entity, where: 'prompt' },
    });
  if (task === 'text-to-video' || images.length > 0) return;
  throw new VimiError('EVENT_INVALID', `The task ${task} needs an image`, {
    expected: task === 'prediction' ? 'an image with the role first-frame' : 'an image of the subject',
    found: 'text alone',
    where: 'prompt',
  });
}

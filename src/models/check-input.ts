import { VimiError } from '../core/errors.js';
import type { ImageRole } from '../events/prompt.js';
import type { GenerateInput, ModelDescription } from './ports.js';

type Video = Pick<
  GenerateInput,
  'frames' | 'width' | 'height' | 'fps' | 'steps' | 'draft' | 'seed' | 'oscillation' | 'guided' | 'reuse'
> & {
  guidance: { text?: number; image?: number };
  /** That the request itself brings; what was retrieved takes the places that are left. */
  images: number;
};
type Limits = Pick<ModelDescription, 'name' | 'limits' | 'multiple' | 'frameCounts'>;
const sides = ['frames', 'width', 'height'] as const;

/**
 * Refuses what a model cannot make, before anything is computed: REQUEST_OVER_LIMIT beyond its limits or for sizes that
 * are no multiple of what it needs. What is left out is up to the model.
 */
export function checkVideo(video: Partial<Video>, { name, limits, multiple, frameCounts }: Limits): void {
  const refuse = (field: string, expected: string, found: unknown) => {
    throw new VimiError('REQUEST_OVER_LIMIT', `The model ${name} cannot make this video`, {
      expected: `${field}: ${expected}`,
      found: String(found),
      remedy: 'Ask for what the model can make, or leave the field out: then the model uses its own value.',
    });
  };
  for (const side of sides) {
    const value = video[side];
    const [step, most] = [side === 'frames' ? 1 : multiple, limits[side]];
    if (value === undefined || (Number.isInteger(value) && value >= step && value <= most && value % step === 0))
      continue;
    refuse(side, step === 1 ? `1 to ${most}` : `a multiple of ${step}, at most ${most}`, value);
  }
  const { every = 1, plus = 0 } = frameCounts ?? {};
  if (video.frames !== undefined && (video.frames < plus || (video.frames - plus) % every !== 0))
    refuse('frames', `${plus > 0 ? `${plus} and ` : ''}a multiple of ${every}`, video.frames);
  if ((video.images ?? 0) > limits.images) refuse('images', `at most ${limits.images}`, video.images);
  const range = (field: string, value: number | undefined, least: number, most: number, whole: boolean) => {
    if (value === undefined || (value >= least && value <= most && (!whole || Number.isInteger(value)))) return;
    refuse(field, `${whole ? 'a whole number, ' : ''}${least} to ${most}`, value);
  };
  range('steps', video.steps, 1, 1000, true);
  range('draft', video.draft, 1, 1000, true);
  range('seed', video.seed, 0, 2 ** 32 - 1, true);
  range('fps', video.fps, 0.1, 1000, false);
  range('guidance.text', video.guidance?.text, 0, 100, false);
  range('guidance.image', video.guidance?.image, 0, 100, false);
  range('oscillation.steady', video.oscillation?.steady, 0, 1000, true);
  range('oscillation.low', video.oscillation?.low, 0, 100, false);
  range('guided.low', video.guided?.low, 0, 1e6, false);
  range('guided.high', video.guided?.high, 0, 1e6, false);
  range('reuse', video.reuse, 0, 1, false);
}

/**
 * Refuses images and clips of a request that its model would have to leave out: REQUEST_UNSUPPORTED. What was retrieved is
 * left out instead.
 */
export function checkReferences(
  { roles, clips }: { roles: readonly ImageRole[]; clips: number },
  { name, takes }: Pick<ModelDescription, 'name' | 'takes'>,
): void {
  if (!takes) return;
  const refuse = (expected: string, found: string) => {
    throw new VimiError('REQUEST_UNSUPPORTED', `The model ${name} cannot take this`, { expected, found });
  };
  const known: readonly ImageRole[] = takes.roles;
  for (const role of roles)
    if (role !== 'reference' && !known.includes(role))
      refuse(known.length > 0 ? `images as ${known.join(' or ')}` : 'no images', `an image as ${role}`);
  if (clips > takes.clips) refuse(takes.clips > 0 ? `at most ${takes.clips} clips` : 'no clips', `${clips}`);
}

/** Refuses motions that a request asks to be followed and the model would leave out: REQUEST_UNSUPPORTED. */
export function checkMotions(
  motions: number,
  { name, takes, path }: Pick<ModelDescription, 'name' | 'takes' | 'path'>,
): void {
  const most = clipsRead({ takes, path });
  if (motions <= most) return;
  throw new VimiError(
    'REQUEST_UNSUPPORTED',
    `The model ${name} cannot follow ${motions > 1 ? 'these motions' : 'a motion'}`,
    {
      expected: most > 0 ? `at most ${most} with the role motion` : 'no reference with the role motion',
      found: String(motions),
      where: 'references',
    },
  );
}

/** Clips of one prompt that a model reads: a server says so, and a model that follows a path follows that of one. */
export function clipsRead({ takes, path }: Pick<ModelDescription, 'takes' | 'path'>): number {
  return takes?.clips ?? (path ? 1 : 0);
}

/** Refuses drafts of a model server, which draws whole videos only: REQUEST_UNSUPPORTED. */
export function checkCandidates(
  candidates: number | undefined,
  { name, server }: Pick<ModelDescription, 'name' | 'server'>,
): void {
  if (!server || candidates === undefined || candidates === 1) return;
  throw new VimiError('REQUEST_UNSUPPORTED', `The model ${name} cannot choose among candidates`, {
    expected: 'a request without candidates: a model server draws no drafts',
    found: String(candidates),
  });
}

/** As `checkVideo`, and SHAPE_MISMATCH for images whose data do not fit their size. */
export function checkInput(input: GenerateInput, description: Limits): void {
  const { start, frames } = input;
  const { width: W, height: H } = description.limits;
  if (start && (start.video.frames !== frames || start.video.data.length !== frames * W * H * 3))
    throw new VimiError('SHAPE_MISMATCH', 'A video to start from has the model’s own size', {
      expected: `[${frames}, ${H}, ${W}, 3]`,
      found: `[${start.video.frames}, ${start.video.height}, ${start.video.width}, 3]`,
    });
  const images = input.prompt.parts.filter((part) => 'pixels' in part && part.role !== 'reference').length;
  checkVideo({ ...input, images }, description);
  for (const part of input.prompt.parts) {
    if ('text' in part) continue;
    const { width, height, data } = part.pixels;
    if (!(width >= 1 && height >= 1 && data.length === width * height * 3))
      throw new VimiError('SHAPE_MISMATCH', 'An image of the prompt does not fit its size', {
        expected: `${width} x ${height} x 3 bytes`,
        found: `${data.length} bytes`,
      });
  }
}

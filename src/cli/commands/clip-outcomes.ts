import type { ClipSettled } from '../../events/schemas.js';
import { scoreBehind } from '../../operators/media/limits.js';

/** `dropped walk.mp4#3, 12.0 to 16.0 s: too-still (motion 0.0021)`: what became of a clip, in one line. */
export function clipLine({ uri, part, clip, scores, outcome, reason, duplicate_of: of, error }: ClipSettled): string {
  const { kind, start, duration } = clip;
  const place = kind === 'clip' ? `#${part || '0'}, ${start.toFixed(1)} to ${(start + duration).toFixed(1)} s` : '';
  const name = `${uri}${place}` || 'still';
  const why = error
    ? `: ${error.code} at ${error.step}: ${error.message}`
    : of !== undefined
      ? `: duplicate of ${of}`
      : reason !== undefined
        ? `: ${reason}${scoreOf(reason, scores)}`
        : '';
  return `${outcome} ${name}${why}`;
}

function scoreOf(reason: string, scores: ClipSettled['scores']): string {
  const score = scoreBehind(reason, Object.keys(scores));
  const value = score === undefined ? undefined : scores[score];
  return value === undefined ? '' : ` (${score} ${Number(value.toPrecision(3))})`;
}

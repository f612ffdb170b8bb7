import { type ErrorCode, errorCodes, type Fault } from '../../errors.js';
import { table } from './markdown.js';

/** What a pipeline does about each kind of trouble. */
const faults: Record<Fault, { title: string; done: string }> = {
  input: {
    title: 'The input is at fault',
    done: 'The same fails again. A pipeline rejects the event at once; a command ends.',
  },
  passing: {
    title: 'It may pass',
    done: 'A pipeline tries the event three times, then rejects it.',
  },
  surroundings: {
    title: 'The surroundings are at fault',
    done: 'A pipeline rejects nothing: it pauses, says so once in the log, in the metric `vimi_paused` and at `/ready`, and goes on by itself when the trouble is over.',
  },
};

/** For whoever reads rejects, logs and exit messages: every code there is. */
export function errorsPage(): string {
  const codes = Object.keys(errorCodes) as ErrorCode[];
  return `${[
    '# Errors',
    'Every code that stands in rejects, logs, jobs and exit messages, and what to do. A code never changes its meaning. A message says what was expected, what was found and where; a remedy of its own comes before the one here. Custom operators may add codes of their own. Generated from `src/errors.ts`.',
    ...(Object.keys(faults) as Fault[]).flatMap((fault) => [
      `## ${faults[fault].title}`,
      faults[fault].done,
      table(
        ['Code', 'What to do'],
        codes
          .filter((code) => errorCodes[code].fault === fault)
          .map((code) => [`\`${code}\``, errorCodes[code].remedy]),
      ),
    ]),
  ].join('\n\n')}\n`;
}

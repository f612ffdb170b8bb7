import { type ErrorCode, errorCodes, type Fault } from '../../core/errors.js';
import { markdownTable } from '../../core/markdown-table.js';
import { errorMeanings } from './error-meanings.js';

/** What a pipeline does about each kind of trouble. */
const faults: Record<Fault, { title: string; done: string }> = {
  input: {
    title: 'The input is at fault',
    done: 'The same input fails again. A pipeline rejects the event at once, which makes it a dead letter; a command ends.',
  },
  passing: {
    title: 'It may pass',
    done: 'A pipeline tries the event three times, then rejects it.',
  },
  surroundings: {
    title: 'The surroundings are at fault',
    done: 'A pipeline rejects nothing. It pauses, reports it once in the log, in the metric `vimi_paused` and at `/ready`, and continues by itself when the trouble is over.',
  },
};

/** For whoever reads rejects, logs and exit messages: every code there is. */
export function errorsPage(): string {
  const codes = Object.keys(errorCodes) as ErrorCode[];
  return `${[
    '# Errors',
    'Every error code in rejects, logs, jobs and exit messages, what has happened, and what to do. A code never changes its meaning. A message says what was expected, what was found and where. If a message brings its own remedy, follow that one. Custom operators may add codes. Generated from `src/core/errors.ts`.',
    ...(Object.keys(faults) as Fault[]).flatMap((fault) => [
      `## ${faults[fault].title}`,
      faults[fault].done,
      markdownTable(
        ['Code', 'What has happened', 'What to do'],
        codes
          .filter((code) => errorCodes[code].fault === fault)
          .map((code) => [`\`${code}\``, errorMeanings[code], errorCodes[code].remedy]),
      ),
    ]),
  ].join('\n\n')}\n`;
}

import { VimiError } from '../../core/errors.js';
import { noProcess, processUrl } from '../process-at.js';

export interface TapOptions {
  /** HOST:PORT of the process. */
  at: string;
  sample?: number;
  /** At most one event in so many milliseconds. */
  intervalMs?: number;
  /** What the step takes, instead of what it hands on. */
  input?: boolean;
  limit?: number;
  filter?: string;
  /** Of the server, where it asks for one; with the scope admin. */
  key?: string;
  signal: AbortSignal;
  /** Takes what a person in front of a terminal wants to know and a pipe does not. */
  tell?(line: string): void;
}

const firstMs = 10_000;
/** One event that is longer than this is none of vimi's. */
const longest = 16 * 1024 * 1024;

/**
 * Prints what steps of a running process hand on, or take, one JSON object a line, until the limit or the signal. The run is not disturbed: a
 * reader that is slow misses some, and each line says how many (`missed`). USAGE: no process, no such step, no right.
 */
export async function tap(step: string, options: TapOptions, out: NodeJS.WritableStream): Promise<void> {
  const { signal, tell = () => {} } = options;
  const url = tapUrl(step, options);
  const show = (event: string) => {
    const { name, data } = fieldsOf(event);
    if (name === 'handed') out.write(`${data}\n`);
    if (name === 'listening') tell(`${listening(data, options)}; nothing has passed yet\n`);
  };
  try {
    const response = await connect(url, options);
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const ends = text.lastIndexOf('\n\n');
      if (ends >= 0) {
        for (const event of text.slice(0, ends).split('\n\n')) show(event);
        text = text.slice(ends + 2);
      }
      if (text.length > longest) throw foreign(url, `an event of more than ${longest} characters`);
    }
    if (!signal.aborted && options.limit === undefined)
      process.stderr.write('the process ended the stream: it stops, or the key is no longer valid\n');
  } catch (thrown) {
    if (signal.aborted) return;
    // As fetch says it when the connection breaks.
    if (thrown instanceof TypeError) throw noProcess(thrown, url.origin);
    throw thrown;
  }
}

function fieldsOf(event: string): { name?: string; data: string } {
  const lines = event.split('\n');
  const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  return { name: field('event'), data: field('data') ?? '' };
}

function listening(data: string, { input, filter }: TapOptions): string {
  const { steps } = JSON.parse(data) as { steps: string[] };
  const those = filter === undefined ? '' : ` where ${filter}`;
  return `listening to what ${steps.join(', ')} ${input ? 'take' : 'hand on'}${those}`;
}

function tapUrl(step: string, { at, sample, limit, filter, intervalMs, input }: TapOptions): URL {
  const url = processUrl(at, '/v1/tap');
  const interval = intervalMs && intervalMs / 1000;
  const query = { step, sample, limit, filter, interval, side: input ? 'input' : undefined };
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  return url;
}

async function connect(url: URL, { key, signal }: TapOptions): Promise<Response> {
  const late = new AbortController();
  const silence = () => new DOMException(`no answer within ${firstMs / 1000} s`, 'TimeoutError');
  const timer = setTimeout(() => late.abort(silence()), firstMs);
  let response: Response;
  try {
    response = await fetch(url, {
      redirect: 'manual',
      signal: AbortSignal.any([signal, late.signal]),
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    });
  } catch (thrown) {
    throw noProcess(thrown, url.origin);
  } finally {
    clearTimeout(timer);
  }
  if (response.ok && response.headers.get('content-type')?.startsWith('text/event-stream')) return response;
  throw await refusal(url, response);
}

/** Why the process refuses, in its own words. */
async function refusal(url: URL, response: Response): Promise<VimiError> {
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json');
  if (!isProblem) return foreign(url, `status ${response.status}`);
  const { code, detail, remedy } = (await response.json()) as Record<string, unknown>;
  // What was asked is wrong, and not the process.
  if (code === 'HTTP_MALFORMED') return new VimiError('USAGE', String(detail), { where: url.origin });
  return foreign(
    url,
    `${code}: ${detail} → ${code === 'KEY_MISSING' ? 'set VIMI_API_KEY to a key with the scope admin' : remedy}`,
  );
}

function foreign(url: URL, found: string): VimiError {
  return new VimiError('USAGE', 'The process does not show its steps', { found, where: url.origin });
}

import { type Look, lookOf } from '../../app/looks/look.js';
import { either } from '../../core/either.js';
import { VimiError } from '../../core/errors.js';
import { noProcess, processUrl } from '../process-at.js';

/** A process that is slower with its metrics than this is as good as away. */
const answerMs = 5_000;
const mostBytes = 8 * 1024 * 1024;

/** What a process serves at /metrics now. It asks for nothing else, so it disturbs nothing. USAGE: no address, or no answer. */
export async function lookAt(address: string, signal: AbortSignal): Promise<Look> {
  const text = await metricsAt(processUrl(address, '/metrics'), signal);
  return lookOf(performance.now(), text);
}

async function metricsAt(url: URL, signal: AbortSignal): Promise<string> {
  const where = url.href;
  const { signal: over, letGo } = either(signal, AbortSignal.timeout(answerMs));
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { signal: over, redirect: 'manual' });
    text = await bounded(response);
  } catch (thrown) {
    throw noProcess(thrown, where);
  } finally {
    letGo();
  }
  if (!response.ok)
    throw new VimiError('USAGE', 'What answers there has no metrics', {
      ...{ found: `status ${response.status}`, where },
      remedy: 'Name the address of a run: --at HOST:PORT.',
    });
  return text;
}

async function bounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > mostBytes) throw new Error(`more than ${mostBytes} bytes`);
  }
  return text;
}

import { VimiError } from '../core/errors.js';

/** A path at a running process that somebody named HOST:PORT, or http://HOST:PORT. USAGE for anything else. */
export function processUrl(address: string, path: string): URL {
  const text = /^https?:\/\//i.test(address) ? address : `http://${address}`;
  if (!URL.canParse(text))
    throw new VimiError('USAGE', 'Not an address of a process', {
      expected: 'HOST:PORT, or http://HOST:PORT',
      found: address,
    });
  const url = new URL(text);
  if (url.pathname === '/') url.pathname = path;
  return url;
}

/** Why fetch failed there. */
export function noProcess(thrown: unknown, where: string): VimiError {
  const { name, message, cause } = thrown as Error;
  if (name === 'TimeoutError')
    return new VimiError('USAGE', 'A process listens there, and does not answer', {
      ...{ found: message, where, cause: thrown },
      remedy:
        'Its thread is kept busy, by a custom operator that gives it back to nobody, or its machine is. The last lines of its log name the step and the line.',
    });
  return new VimiError('USAGE', 'No process answers there', {
    found: cause instanceof Error ? cause.message : message,
    where,
    remedy: `\`vimi run\` serves HTTP at 127.0.0.1:9400; name another address with --at HOST:PORT.`,
    cause: thrown,
  });
}

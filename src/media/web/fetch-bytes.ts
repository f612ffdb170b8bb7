import { VimiError } from '../../core/errors.js';
import { unreachable, type WebClient } from './web-client.js';

/** All bytes at an address, at most `maxBytes`, within `maxMs`. MEDIA_FORBIDDEN, MEDIA_NOT_FOUND, MEDIA_TOO_LARGE, SOURCE_UNREACHABLE, TIMED_OUT. */
export async function fetchBytes(
  client: WebClient,
  address: string,
  { maxBytes, maxMs, signal: given }: { maxBytes: number; maxMs: number; signal: AbortSignal },
): Promise<Buffer> {
  const late = AbortSignal.timeout(maxMs);
  try {
    const { status, url, body } = await client.get(address, AbortSignal.any([given, late]));
    try {
      if (status >= 500 || status === 429) throw unreachable(url, 'status 200', `status ${status}`);
      if (status !== 200)
        throw new VimiError('MEDIA_NOT_FOUND', 'The server gives nothing at this address', {
          ...{ expected: 'status 200', found: `status ${status}`, where: address },
        });
      return await collected(body, maxBytes, address).catch((cause: Error) => {
        if (cause instanceof VimiError || given.aborted) throw cause;
        throw unreachable(url, 'all bytes that were announced', cause.message, cause);
      });
    } finally {
      body.destroy();
    }
  } catch (thrown) {
    if (late.aborted && !given.aborted)
      throw new VimiError('TIMED_OUT', 'The server took too long', {
        ...{ expected: `all of it within ${maxMs / 1000} s`, where: address, cause: thrown },
      });
    throw thrown;
  }
}

async function collected(body: AsyncIterable<Buffer>, maxBytes: number, where: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes)
      throw new VimiError('MEDIA_TOO_LARGE', 'What is at this address is too large', {
        ...{ expected: `at most ${maxBytes} bytes`, found: 'more', where },
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

import { once } from 'node:events';
import { request as plainly } from 'node:http';
import { request as secretly } from 'node:https';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Address } from '../../server/address.js';

/** A process of this machine answers sooner. */
const answerMs = 2_000;

/** Why a run cannot serve HTTP at this address. undefined: it can, or a process of vimi does it now. */
export async function whyNotServed(address: Address, isSecure: boolean): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen({ ...address, exclusive: true });
    await once(server, 'listening');
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    return code === 'EADDRINUSE' && (await isVimi(address, isSecure)) ? undefined : message;
  }
  server.close();
  await once(server, 'close');
  return undefined;
}

/** Whose certificate it is does not matter: nothing is told to it, and its answer only says who has the port. */
async function isVimi({ host, port }: Address, isSecure: boolean): Promise<boolean> {
  const options = { host, port, path: '/metrics', agent: false, signal: AbortSignal.timeout(answerMs) };
  const asked = isSecure ? secretly({ ...options, rejectUnauthorized: false }) : plainly(options);
  try {
    asked.end();
    const [answer] = await once(asked, 'response');
    return (await text(answer)).includes('vimi_build_info');
  } catch {
    return false;
  }
}

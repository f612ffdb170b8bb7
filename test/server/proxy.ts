import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ProxyOptions {
  /** Keeps an answer back, its head as well, until it has so many bytes or its end; left out: nothing. */
  bytes?: number;
  /** But for answers with X-Accel-Buffering: no, as nginx does. */
  heeds?: boolean;
  /** Ends connections on which nothing came for so long. Milliseconds. */
  idleMs?: number;
}

/** A proxy before a server, of the kinds that get in the way. */
export async function proxyBefore(server: { url: string }, { bytes = 0, heeds = false, idleMs }: ProxyOptions) {
  let cuts = 0;
  const proxy = createServer((asked, answer) => {
    const { method, headers } = asked;
    const cut = () => {
      cuts++;
      answer.destroy();
    };
    let idle = idleMs === undefined ? undefined : setTimeout(cut, idleMs);
    const onward = request(`${server.url}${asked.url}`, { method, headers, agent: false }, (got) => {
      const isPassed = bytes === 0 || (heeds && got.headers['x-accel-buffering'] === 'no');
      let kept = Buffer.alloc(0);
      const pass = () => {
        if (!answer.headersSent) answer.writeHead(got.statusCode!, got.headers).flushHeaders();
        answer.write(kept);
        kept = Buffer.alloc(0);
      };
      if (isPassed) pass();
      got.on('data', (chunk) => {
        idle?.refresh();
        kept = Buffer.concat([kept, chunk]);
        if (isPassed || kept.length >= bytes) pass();
      });
      got.on('error', () => answer.destroy());
      got.on('end', () => {
        pass();
        answer.end();
      });
    });
    onward.on('error', () => answer.destroy());
    answer.once('close', () => {
      clearTimeout(idle);
      idle = undefined;
      onward.destroy();
    });
    asked.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    cuts: () => cuts,
    async close() {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}

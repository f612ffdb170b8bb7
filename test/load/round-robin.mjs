// @ts-nocheck: a plain script
/** A small proxy before replicas: each request goes to the next one that takes it. What breaks off midway breaks off for the client. */
import { once } from 'node:events';
import { createServer, request } from 'node:http';

export async function roundRobin(urls) {
  let turn = 0;
  const answered = new Map(urls.map((url) => [url, 0]));
  const proxy = createServer(async (asked, answer) => {
    const chunks = [];
    for await (const chunk of asked) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const pass = (tries) => {
      const url = urls[turn++ % urls.length];
      const { method, headers } = asked;
      const onward = request(`${url}${asked.url}`, { method, headers, agent: false }, (got) => {
        answered.set(url, answered.get(url) + 1);
        answer.writeHead(got.statusCode, got.headers);
        got.on('error', () => answer.destroy());
        got.pipe(answer);
      });
      onward.on('error', (error) => {
        // Nobody was there, so nobody did anything: the next one is asked.
        if (error.code === 'ECONNREFUSED' && tries > 1) return pass(tries - 1);
        if (answer.headersSent) answer.destroy();
        else answer.writeHead(502, { 'content-type': 'application/json' }).end('{"title":"no replica answers"}');
      });
      answer.once('close', () => onward.destroy());
      onward.end(body);
    };
    pass(urls.length);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: `http://127.0.0.1:${proxy.address().port}`,
    answered,
    async close() {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}

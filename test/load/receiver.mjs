// @ts-nocheck: a plain script
/** A receiver of webhooks that notes what came, and fails now and then, as receivers do. */
import { once } from 'node:events';
import { createServer } from 'node:http';

/** Of so many messages one is answered with an error at first, and comes again. */
const failing = 7;

export async function receiver() {
  /** By job: the ids of its messages, one a delivery. */
  const got = new Map();
  const failed = new Set();
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const { data } = JSON.parse(text);
    if (parseInt(data.id.slice(-2), 16) % failing === 0 && !failed.has(data.id)) {
      failed.add(data.id);
      return response.writeHead(500).end();
    }
    got.set(data.id, [...(got.get(data.id) ?? []), request.headers['webhook-id']]);
    response.writeHead(204).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  return {
    got,
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}/videos`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

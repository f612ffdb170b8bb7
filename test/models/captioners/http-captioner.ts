import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';

/** A request as a captioner has read it. */
export interface Asked {
  headers: IncomingMessage['headers'];
  texts: { text: string; by: string }[];
  max_characters: number;
  /** The mean colour of its image. */
  colour: [number, number, number];
}

/** A real server of captions in this process. `answer` returns what is sent as JSON, or sends something itself and returns nothing. */
export async function httpCaptioner(
  answer: (asked: Asked, response: ServerResponse) => unknown,
): Promise<{ url: string; asked: Asked[]; close(): Promise<void> }> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { images, ...rest } = JSON.parse(Buffer.concat(chunks).toString());
    const { channels } = await sharp(Buffer.from(images[0].base64, 'base64')).stats();
    const [r, g, b] = channels.map(({ mean }) => Math.round(mean));
    const one: Asked = { ...rest, headers: request.headers, colour: [r!, g!, b!] };
    asked.push(one);
    const said = answer(one, response);
    if (said !== undefined) response.end(JSON.stringify(said));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/caption`,
    asked,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Whether it is the plain grey image by which a captioner is tried. */
export const isGrey = ({ colour }: Asked): boolean => colour.join() === '128,128,128';

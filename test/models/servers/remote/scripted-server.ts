import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AskedCall {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: what came is what the test looks at.
  body: any;
  bytes: Buffer;
}

/** An answer of the server: JSON, or bytes with their type. undefined: the connection is cut. */
export type ScriptedAnswer =
  | { status?: number; headers?: Record<string, string>; json?: unknown; bytes?: Buffer; type?: string }
  | undefined;

/** A real HTTP server that answers what a test says, by `METHOD /path`, and notes what it was asked. */
export class ScriptedServer {
  readonly asked: AskedCall[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(answer: (call: AskedCall) => ScriptedAnswer | Promise<ScriptedAnswer>): Promise<ScriptedServer> {
    const server = createServer();
    const scripted = new ScriptedServer(server);
    server.on('request', async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const bytes = Buffer.concat(chunks);
      const text = bytes.toString('utf8');
      const isJson = request.headers['content-type'] === 'application/json';
      const call = {
        ...{ method: request.method ?? '', path: request.url ?? '', headers: request.headers },
        ...{ body: isJson && text !== '' ? JSON.parse(text) : text, bytes },
      };
      scripted.asked.push(call);
      send(response, await answer(call));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return scripted;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  calls(start: string): AskedCall[] {
    return this.asked.filter(({ method, path }) => `${method} ${path}`.startsWith(start));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function send(response: ServerResponse, answer: ScriptedAnswer): void {
  if (!answer) {
    response.socket?.destroy();
    return;
  }
  const { status = 200, headers = {}, json, bytes, type } = answer;
  const body = bytes ?? Buffer.from(json === undefined ? '' : JSON.stringify(json));
  response.writeHead(status, { 'content-type': type ?? 'application/json', ...headers });
  response.end(body);
}

/** All frames of one colour as .npy. */
export function npy(frames: number, height: number, width: number, fill = 127): Buffer {
  const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${frames}, ${height}, ${width}, 3), }`;
  const padded = `${header.padEnd(117)}\n`;
  const start = Buffer.alloc(10);
  start.write('\x93NUMPY\x01\x00', 'latin1');
  start.writeUInt16LE(padded.length, 8);
  return Buffer.concat([start, Buffer.from(padded, 'latin1'), Buffer.alloc(frames * height * width * 3, fill)]);
}

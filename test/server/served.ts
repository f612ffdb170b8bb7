import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { Workspace } from '../../src/app/workspace.js';
import { type HttpServer, type HttpServerOptions, serveHttp } from '../../src/server/http-server.js';
import { never, testFolder } from '../media/make-media.js';
import { quietLog } from '../operators/run-operator.js';

/** The topology that ships, with a model that paints at once, in a folder of its own. */
export async function ownTopology(edit: (text: string) => string = (text) => text): Promise<string> {
  const folder = await testFolder();
  const topology = join(folder, 'topology.yaml');
  const shipped = readFileSync(join(import.meta.dirname, '../../topology.yaml'), 'utf8');
  writeFileSync(topology, edit(shipped.replace(/model: nano, upsampler: [\w-]+/, 'model: fake')));
  return topology;
}

export interface Served {
  workspace: Workspace;
  server: HttpServer;
  /** Runs the pipeline of requests until its topic is empty. */
  drain(): Promise<unknown>;
  /** An answer with its body as JSON. */
  call(path: string, options?: RequestInit): Promise<Answer>;
  /** Sends JSON. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what came is what the test looks at.
  body: any;
}

/** A replica: a workspace with a server of its own, on a free port. */
export async function serve(topology: string, options: Partial<HttpServerOptions> = {}): Promise<Served> {
  const workspace = await Workspace.open({ topology, log: quietLog });
  const address = { host: '127.0.0.1', port: 0 };
  const server = await serveHttp({ workspace, address, version: 'test', ...options });
  const call = async (path: string, init?: RequestInit) => {
    const answer = await fetch(`${server.url}${path}`, init);
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text === '' ? undefined : JSON.parse(text) };
  };
  return {
    workspace,
    server,
    drain: () => runPipelines(workspace, [workspace.pipeline('generate')], { drain: true, signal: never }),
    call,
    post: (path, body, headers = {}) =>
      call(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    async close() {
      await server.close();
      await workspace.close();
    },
  };
}

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Workspace } from '../../app/workspace.js';
import { version } from '../../core/version.js';
import { serveHttp } from '../../server/http-server.js';
import type { OpenApi } from './http-page.js';

/** What `/openapi.json` answers where a topology is served without keys: asked of a server, in an empty folder. */
export async function servedOpenApi(topology: string): Promise<OpenApi> {
  const folder = await mkdtemp(join(tmpdir(), 'vimi-docs-'));
  try {
    await cp(topology, join(folder, 'topology.yaml'));
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const workspace = await Workspace.open({ topology: join(folder, 'topology.yaml'), env: {}, log });
    try {
      const server = await serveHttp({ workspace, address: { host: '127.0.0.1', port: 0 }, version });
      try {
        return (await (await fetch(`${server.url}/openapi.json`)).json()) as OpenApi;
      } finally {
        await server.close();
      }
    } finally {
      await workspace.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

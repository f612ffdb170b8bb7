import type { Workspace } from '../../app/workspace.js';
import { asVimiError } from '../../core/errors.js';
import { version } from '../../core/version.js';
import { addressOf, defaultAddress } from '../../server/address.js';
import { type HttpServer, serveHttp } from '../../server/http-server.js';

export interface ServeOptions {
  /** As it was asked for; false: not at all. */
  http?: string | false | undefined;
  drain: boolean;
}

/**
 * Serves HTTP beside a run. Where nobody asked for it, an address that is taken (by another run, most often) is no reason
 * not to run.
 */
export async function serveWith(
  workspace: Workspace,
  { http, drain }: ServeOptions,
  out: NodeJS.WritableStream,
): Promise<HttpServer | undefined> {
  if (http === false || (http === undefined && drain)) return undefined;
  const address = http === undefined ? defaultAddress : addressOf(http);
  try {
    const server = await serveHttp({ workspace, address, version });
    out.write(`HTTP at ${server.url}\n`);
    return server;
  } catch (thrown) {
    const error = asVimiError(thrown);
    if (http !== undefined || error.code !== 'USAGE') throw thrown;
    out.write(
      `no HTTP: ${address.host}:${address.port} is taken; choose another with --http, or none with --no-http\n`,
    );
    return undefined;
  }
}

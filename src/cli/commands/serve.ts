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
 * Serves HTTP beside a run: at the address asked for, else at that of the profile, else at the usual one; with HTTPS where the
 * profile has files for it. Where nobody asked for it, an address that is taken (by another run, most often) is no reason not to run.
 */
export async function serveWith(
  workspace: Workspace,
  { http, drain }: ServeOptions,
  out: NodeJS.WritableStream,
): Promise<HttpServer | undefined> {
  if (http === false || (http === undefined && drain)) return undefined;
  const { server: spec } = workspace.topology.profile;
  const written = spec && { host: spec.address, port: spec.port };
  const address = http === undefined ? (written ?? defaultAddress) : addressOf(http);
  try {
    const server = await serveHttp({ workspace, address, tls: spec?.tls, version });
    out.write(`HTTP at ${server.url}\n`);
    return server;
  } catch (thrown) {
    const error = asVimiError(thrown);
    if (http !== undefined || written || error.code !== 'USAGE') throw thrown;
    out.write(
      `no HTTP: ${address.host}:${address.port} is taken; choose another with --http, or none with --no-http\n`,
    );
    return undefined;
  }
}

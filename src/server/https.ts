import type { Server } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import type { Workspace } from '../app/workspace.js';
import { type Certificate, type TlsFiles, watchCertificate } from './certificate.js';

/** HTTPS of a server that is yet to be made: its certificate, which follows its files. TOPOLOGY_INVALID. */
export function openHttps(files: TlsFiles, { log, serviceMetrics }: Pick<Workspace, 'log' | 'serviceMetrics'>) {
  let server: HttpsServer | undefined;
  const renew = ({ cert, key }: Certificate) => server?.setSecureContext({ cert, key });
  const watched = watchCertificate(files, renew, { log });
  const hide = serviceMetrics.showCertificate(() => watched.now.validUntil);
  return {
    certificate: watched.now,
    /** Connections that this server takes from now on get the certificate that counts then. */
    serve(made: Server): void {
      if (made instanceof HttpsServer) server = made;
    },
    close(): void {
      watched.close();
      hide();
    },
  };
}

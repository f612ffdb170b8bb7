import { createWebClient } from '../../media/web/web-client.js';
import type { Topology } from '../../streams/topology/topology.js';

/**
 * Refuses an address of http or https that `fetch` would refuse as it is written. What its name resolves to and where it
 * redirects is judged when it is fetched.
 *
 * @throws MEDIA_FORBIDDEN when media_hosts does not allow its host, or it is private
 */
export function checkMediaHost(uri: string, { mediaHosts }: Pick<Topology, 'mediaHosts'>): void {
  createWebClient({ hosts: mediaHosts }).allowed(uri);
}

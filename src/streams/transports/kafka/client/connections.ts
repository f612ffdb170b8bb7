import { within } from '../../../../core/within.js';
import type { Connection, ConnectionPool } from './wire.js';

/**
 * The connections of one client. The driver's own are made for one caller at a time: many callers that find one broken
 * would open one socket each, and lose sight of all but the last; one caller's clearing up would end what another is just
 * opening; and one that is ended waits for every answer that is still to come, though none may ever come.
 */
export class Connections {
  readonly #open = new Set<Connection>();
  readonly #opening = new Map<Connection, Promise<unknown>>();
  #ended: Error | undefined;

  /** Makes the connections of a pool fit for many callers. */
  adopt(pool: ConnectionPool): void {
    for (const connection of pool.pool) {
      const connect = connection.connect.bind(connection);
      const openNow = async () => {
        try {
          await connect();
          this.#open.add(connection);
        } finally {
          this.#opening.delete(connection);
        }
      };
      connection.connect = async () => {
        if (this.#ended) throw this.#ended;
        const underWay = this.#opening.get(connection) ?? openNow();
        this.#opening.set(connection, underWay);
        await underWay;
      };
    }
    const send = pool.send.bind(pool);
    pool.send = async (request) => {
      if (this.#ended) throw this.#ended;
      return send(request);
    };
    pool.destroy = async () => {
      const open = pool.pool.filter((connection) => !this.#opening.has(connection) && connection.isConnected());
      await Promise.all(open.map((connection) => this.#close(connection)));
    };
  }

  /** Waits for the answers under way, at most `patienceMs`; whoever waits for one beyond that gets `reason`. */
  async end(reason: Error, patienceMs: number): Promise<void> {
    this.#ended = reason;
    const ending = (async () => {
      await Promise.allSettled(this.#opening.values());
      await Promise.all([...this.#open].map((connection) => this.#close(connection)));
    })();
    if (await within(patienceMs, ending)) return;
    for (const connection of [...this.#open, ...this.#opening.keys()]) {
      connection.rejectRequests(reason);
      connection.socket?.destroy();
    }
  }

  async #close(connection: Connection): Promise<void> {
    if (connection.isConnected()) await connection.disconnect();
    if (!connection.isConnected()) this.#open.delete(connection);
  }
}

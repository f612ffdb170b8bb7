import type { IncomingHttpHeaders } from 'node:http';
import { type Clock, systemClock } from '../../core/clock.js';

/*
 * How hard one host is asked, by all that a process fetches: so many requests at a time, and a pause between the beginnings of
 * two. A host may wish for more: by Crawl-delay in its robots.txt, and by Retry-After in an answer.
 */

export interface HostLimits {
  /** Requests to one host at a time, each until its last byte has come. */
  atOnce: number;
  /** Milliseconds between the beginnings of two requests to one host. */
  pauseMs: number;
}

/** A host that asks for longer pauses gets these: else one host could hold up a pipeline for hours. */
const longestDelayMs = 60_000;
/** A host that wants to be left alone for longer is not waited for. */
const longestWaitMs = 60_000;
const mostHosts = 1000;

interface Host {
  active: number;
  waiting: { atOnce: number; begin(): void }[];
  /** The next request begins then, at the earliest. */
  next: number;
  /** By its Crawl-delay. */
  delayMs: number;
  /** By its Retry-After. */
  closedUntil: number;
}

/** Thrown by HostTurns: the host wants to be left alone for so many milliseconds. */
export class HostClosed extends Error {
  readonly ms: number;

  constructor(ms: number) {
    super(`it asked to be left alone for ${Math.ceil(ms / 1000)} s more (Retry-After)`);
    this.ms = ms;
  }
}

export class HostTurns {
  readonly #clock: Clock;
  readonly #hosts = new Map<string, Host>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /**
   * Waits until a host may be asked, in the order of arrival; gives what is to be called when the answer is over. Throws
   * HostClosed, and what the signal was aborted with.
   */
  async enter(name: string, { atOnce, pauseMs }: HostLimits, signal: AbortSignal): Promise<() => void> {
    const host = this.#host(name);
    await this.#place(host, atOnce, signal);
    try {
      const at = Math.max(this.#clock.elapsed(), host.next);
      host.next = at + Math.max(pauseMs, host.delayMs);
      await this.#sleep(at - this.#clock.elapsed(), signal);
      await this.open(name, signal);
    } catch (thrown) {
      this.#leave(host);
      throw thrown;
    }
    let isIn = true;
    return () => {
      if (isIn) this.#leave(host);
      isIn = false;
    };
  }

  /** Waits only for a host that wants to be left alone. Throws HostClosed. */
  async open(name: string, signal: AbortSignal): Promise<void> {
    const host = this.#host(name);
    for (;;) {
      const left = host.closedUntil - this.#clock.elapsed();
      if (left <= 0) return;
      if (left > longestWaitMs) throw new HostClosed(left);
      await this.#sleep(left, signal);
    }
  }

  /** The host wishes for so long a pause; 0: for none. */
  slowDown(name: string, ms: number): void {
    this.#host(name).delayMs = Math.min(ms, longestDelayMs);
  }

  /** The host wants to be left alone for so long. */
  close(name: string, ms: number): void {
    const host = this.#host(name);
    host.closedUntil = Math.max(host.closedUntil, this.#clock.elapsed() + ms);
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (ms > 0) await this.#clock.sleep(ms, signal);
    signal.throwIfAborted();
  }

  #place(host: Host, atOnce: number, signal: AbortSignal): Promise<void> {
    if (host.waiting.length === 0 && host.active < atOnce) {
      host.active++;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        host.waiting.splice(host.waiting.indexOf(turn), 1);
        reject(signal.reason);
      };
      const turn = {
        atOnce,
        begin() {
          signal.removeEventListener('abort', onAbort);
          host.active++;
          resolve();
        },
      };
      host.waiting.push(turn);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }

  #leave(host: Host): void {
    host.active--;
    for (let [next] = host.waiting; next && host.active < next.atOnce; [next] = host.waiting) {
      host.waiting.shift();
      next.begin();
    }
  }

  #host(name: string): Host {
    const known = this.#hosts.get(name);
    if (known) return known;
    const now = this.#clock.elapsed();
    for (const [old, { active, waiting, next, closedUntil }] of this.#hosts) {
      if (this.#hosts.size < mostHosts) break;
      if (active + waiting.length === 0 && next <= now && closedUntil <= now) this.#hosts.delete(old);
    }
    const host: Host = { active: 0, waiting: [], next: 0, delayMs: 0, closedUntil: 0 };
    this.#hosts.set(name, host);
    return host;
  }
}

/** Of this process. */
export const hostTurns = new HostTurns();

/**
 * What the Retry-After of an answer asks for, in milliseconds; undefined: nothing that can be understood. A date counts from the one of
 * the answer, so that it does not matter whose clock is wrong; where there is none from `now` (since 1970).
 */
export function retryAfter(
  { 'retry-after': value = '', date = '' }: IncomingHttpHeaders,
  now: number,
): number | undefined {
  const text = value.trim();
  const answered = Date.parse(date);
  const from = Number.isNaN(answered) ? now : answered;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : /^[A-Z]/i.test(text) ? Date.parse(text) - from : 0;
  return ms > 0 ? ms : undefined;
}

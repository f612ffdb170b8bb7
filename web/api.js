import { forgetKey, keyText } from './key.js';

/*
 * Calls of the HTTP API (docs/guides/http.md). The page uses nothing else, so whatever it does, a client can do.
 */

/** @typedef {import('../src/server/videos/video.js').Video} Video */
/** @typedef {{ pointer: string, detail: string }} Mistake */

/** What the server has against a request: RFC 9457. A proxy in front of it answers without `message`. */
export class Problem extends Error {
  /** @param {{ title?: string, detail?: string, message?: string, status: number, code?: string, errors?: Mistake[] }} problem */
  constructor({ title = 'The server refused', detail = title, message = detail, status, code = '', errors = [] }) {
    super(message);
    this.status = status;
    this.code = code;
    this.mistakes = errors;
  }
}

/** The server cannot be reached, or does not answer. */
export class Unreachable extends Error {
  constructor() {
    super('The server does not answer. This page tries again by itself.');
  }
}

/**
 * The server answers whoever asks for something within seconds, and a stream gives a sign of life every 15 s. Where nothing comes for so
 * long, the line is lost and nobody said so, as after a sleep of this machine, or a proxy keeps everything back. Milliseconds.
 */
export const lostMs = 45_000;

/**
 * An answer that is no error. Asks for an API key where the server does.
 * @param {string} address
 * @param {RequestInit & { silenceMs?: number }} [options]
 * @returns {Promise<Response>} Problem, Unreachable
 */
export async function call(address, options = {}) {
  const headers = new Headers(options.headers);
  const key = keyText();
  if (key) headers.set('authorization', `Bearer ${key}`);
  const lost = new AbortController();
  // What is sent may take long to arrive.
  const late = options.method ? undefined : setTimeout(() => lost.abort(), options.silenceMs ?? lostMs);
  const signal = options.signal ? AbortSignal.any([options.signal, lost.signal]) : lost.signal;
  const answer = await fetch(address, { ...options, headers, signal })
    .catch((error) => {
      throw error.name === 'AbortError' && !lost.signal.aborted ? error : new Unreachable();
    })
    .finally(() => clearTimeout(late));
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  if (answer.status === 401) {
    await forgetKey(key);
    return call(address, options);
  }
  throw new Problem({ ...problem, status: answer.status });
}

/**
 * @param {string} address
 * @param {RequestInit} [options]
 */
export async function read(address, options) {
  return (await call(address, options)).json();
}

/**
 * @param {string} address
 * @param {object} body
 * @param {Record<string, string>} [headers]
 */
export function send(address, body, headers = {}) {
  const all = { 'content-type': 'application/json', ...headers };
  return read(address, { method: 'POST', headers: all, body: JSON.stringify(body) });
}

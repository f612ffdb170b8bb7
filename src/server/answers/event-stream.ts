import type { ServerResponse } from 'node:http';

/** Between two signs of life; proxies let go of what says nothing. Milliseconds. */
const aliveMs = 15_000;
/** After so long a client that lost its stream connects again. Milliseconds. */
const retryMs = 2000;

export interface ServerEvent {
  event: string;
  /** Of the state that it tells: a client that connects again sends the last one back. */
  id: string;
  data: object;
  /** Nothing comes after it. */
  isLast?: boolean;
}

export interface EventStreamOptions {
  /** What is to be told now; undefined: nothing new. It is asked again after each `look`. */
  next(): ServerEvent | undefined;
  /** Aborted: the stream ends, and the client is asked to come again. */
  closing: AbortSignal;
}

/**
 * Writes server-sent events (WHATWG HTML, 9.2) of a state until the last one. A client that reads slowly misses states in
 * between, never the newest: nothing is kept for it. Gives what to call when the state has changed.
 */
export function streamEvents(response: ServerResponse, { next, closing }: EventStreamOptions): () => void {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  });
  let isFull = false;
  const write = (text: string) => {
    isFull = !response.write(text);
  };
  const look = () => {
    if (isFull || response.writableEnded) return;
    const told = next();
    if (!told) return;
    // JSON has no line breaks of its own.
    write(`id: ${told.id}\nevent: ${told.event}\ndata: ${JSON.stringify(told.data)}\n\n`);
    if (told.isLast) response.end();
  };
  const alive = setInterval(() => isFull || response.writableEnded || write(': still here\n\n'), aliveMs);
  const close = () => {
    if (!response.writableEnded) response.end(`retry: ${retryMs}\n: this stream ends, connect again\n\n`);
  };
  response.on('drain', () => {
    isFull = false;
    look();
  });
  response.once('close', () => {
    clearInterval(alive);
    closing.removeEventListener('abort', close);
  });
  closing.addEventListener('abort', close);
  write(`retry: ${retryMs}\n\n`);
  look();
  if (closing.aborted) close();
  return look;
}

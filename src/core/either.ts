import { setMaxListeners } from 'node:events';

export interface Either {
  signal: AbortSignal;
  /** Nobody needs it any more. */
  letGo(): void;
}

/**
 * A signal that aborts with the first of these, until it is let go. For signals that outlive it: Node 20 leaves some 60 bytes in each of
 * them for every call of AbortSignal.any, which is nothing in the signal of one event, and a leak in one that ends with the process.
 */
export function either(...signals: (AbortSignal | undefined)[]): Either {
  const made = new AbortController();
  const letGo = () => {
    for (const one of signals) one?.removeEventListener('abort', abort);
  };
  const abort = (event: Event) => {
    letGo();
    made.abort((event.target as AbortSignal).reason);
  };
  for (const one of signals) {
    if (!one) continue;
    if (one.aborted) {
      made.abort(one.reason);
      letGo();
      break;
    }
    // As many listen as there are who wait, and Node would warn of the eleventh.
    setMaxListeners(0, one);
    one.addEventListener('abort', abort, { once: true });
  }
  return { signal: made.signal, letGo };
}

import { setMaxListeners } from 'node:events';
import type { VimiError } from '../core/errors.js';
import type { EventSpan } from './spans.js';

/**
 * The work on one event, which may become pointless. Its signal is made for who asks: that costs more than a small step does,
 * and most work is never aborted. The flow itself listens here.
 */
export class Work {
  /** Traces it; missing where nothing is traced. */
  readonly span: EventSpan | undefined;
  /** How far what its request asks for is, 0 to 1; undefined: it has not begun. */
  progress: number | undefined;
  #reason: VimiError | undefined;
  #controller: AbortController | undefined;
  #listeners: Set<() => void> | undefined;

  constructor(span?: EventSpan) {
    this.span = span;
  }

  get isAborted(): boolean {
    return this.#reason !== undefined;
  }

  /** Why; undefined: it is not aborted. */
  get reason(): VimiError | undefined {
    return this.#reason;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      // All clips of a film share it, and Node would warn of the eleventh.
      setMaxListeners(0, this.#controller.signal);
      if (this.#reason) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The first reason counts. */
  abort(reason: VimiError): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
    const listeners = [...(this.#listeners ?? [])];
    this.#listeners = undefined;
    for (const listener of listeners) listener();
  }

  /** Calls `listener` once, when it is aborted: for work that is not aborted yet. */
  onAbort(listener: () => void): void {
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
  }

  offAbort(listener: () => void): void {
    this.#listeners?.delete(listener);
  }
}

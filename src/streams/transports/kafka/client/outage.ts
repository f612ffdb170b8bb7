import type { VimiError } from '../../../../core/errors.js';
import type { TransportMetrics } from '../../transport-metrics.js';

/** The failures in a row of one activity: reading, being a member, one request that is tried again. */
export class Outage {
  readonly #metrics: TransportMetrics;
  #failures = 0;

  constructor(metrics: TransportMetrics) {
    this.#metrics = metrics;
  }

  get failures(): number {
    return this.#failures;
  }

  /** The first failure is no outage yet: leaders move. */
  failed(error: VimiError): void {
    this.#failures++;
    this.#metrics.retries.inc();
    if (this.#failures < 2) return;
    if (this.#failures === 2) this.#metrics.outages.inc();
    this.#metrics.waiting.set(this, error);
  }

  /** It succeeded, or was given up. */
  over(): void {
    this.#metrics.waiting.delete(this);
    this.#failures = 0;
  }
}

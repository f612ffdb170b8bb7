import { Counter, Gauge, type Registry } from 'prom-client';

export type ServiceMetrics = ReturnType<typeof createServiceMetrics>;

/** The metrics of what is served beside the pipelines: webhooks and HTTPS. Make them once for each registry. */
export function createServiceMetrics(registry: Registry) {
  const registers = [registry];
  const waiting = new Set<() => number>();
  const certificates = new Set<() => number>();
  new Gauge({
    name: 'vimi_webhooks_waiting',
    help: 'Webhooks that this process will send: those for their first attempt, and those that wait for another one.',
    registers,
    collect() {
      this.set([...waiting].reduce((sum, read) => sum + read(), 0));
    },
  });
  new Gauge({
    name: 'vimi_https_certificate_expires_seconds',
    help: 'When the certificate expires that HTTPS is served with, in seconds since 1970. Missing without HTTPS.',
    registers,
    collect() {
      this.reset();
      for (const read of certificates) this.set(read() / 1000);
    },
  });
  const shown = (all: Set<() => number>) => (read: () => number) => {
    all.add(read);
    return () => void all.delete(read);
  };
  return {
    webhookAttempts: new Counter({
      name: 'vimi_webhook_attempts_total',
      help: 'Attempts of this process to send a webhook. outcome: delivered, retried (another attempt follows), failed (it was the last one), disabled (the receiver answered 410).',
      labelNames: ['outcome'] as const,
      registers,
    }),
    /** Shows a number of webhooks until the returned function is called. */
    showWaiting: shown(waiting),
    /** Shows the end of a certificate, in milliseconds since 1970. */
    showCertificate: shown(certificates),
  };
}

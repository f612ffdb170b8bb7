import { Counter, Gauge, type Registry } from 'prom-client';

/** What is known of a model of this process now. */
export interface ModelState {
  /** As the topology names it. */
  model: string;
  /** Empty: not known, or not stated. */
  backend: string;
  /** Empty: as the backend chooses. */
  device: string;
  /** SHA-256; empty as for backend. */
  weights: string;
  /** Of the model server; empty: this machine. */
  server: string;
  drawing: number;
  /** Events that wait for their turn in the steps that use it. */
  waiting: number;
  /** undefined: not known yet. */
  atOnce: number | undefined;
  busySeconds: number;
}

/** The metrics of the models that draw for the pipelines. Make them once for each registry. */
export function createModelMetrics(registry: Registry) {
  const models = new Set<() => ModelState>();
  const registers = [registry];
  const all = () => [...models].map((read) => read());
  const gauge = (name: string, help: string, read: (state: ModelState) => number | undefined) =>
    new Gauge({
      name,
      help,
      labelNames: ['model'] as const,
      registers,
      collect() {
        this.reset();
        // Two models of one name differ in their encoder alone.
        for (const state of all()) this.inc({ model: state.model }, read(state) ?? 0);
      },
    });
  new Gauge({
    name: 'vimi_model_info',
    help: '1 for each model that this process has opened. weights: SHA-256. device and server: empty where none is named; backend and weights of a model server: empty until it was first asked.',
    labelNames: ['model', 'backend', 'device', 'weights', 'server'] as const,
    registers,
    collect() {
      this.reset();
      for (const { model, backend, device, weights, server } of all())
        this.set({ model, backend, device, weights, server }, 1);
    },
  });
  gauge(
    'vimi_model_drawing',
    'Videos, and drafts of candidates, that the model was asked for and has not answered.',
    ({ drawing }) => drawing,
  );
  gauge(
    'vimi_model_waiting',
    'Events that wait for their turn in the steps that use the model.',
    ({ waiting }) => waiting,
  );
  gauge(
    'vimi_model_at_once',
    'How many videos the model draws at once, as set or measured; 0: it has not been asked yet.',
    ({ atOnce }) => atOnce,
  );
  new Counter({
    name: 'vimi_model_busy_seconds_total',
    help: 'Time in which the model had something to draw: its rate is the share of time that it is busy.',
    labelNames: ['model'] as const,
    registers,
    collect() {
      this.reset();
      for (const { model, busySeconds } of all()) this.inc({ model }, busySeconds);
    },
  });
  return {
    /** Shows a model until the returned function is called. */
    show(read: () => ModelState): () => void {
      models.add(read);
      return () => void models.delete(read);
    },
  };
}

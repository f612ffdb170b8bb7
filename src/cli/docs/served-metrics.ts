import { createModelMetrics } from '../../app/model-metrics.js';
import { createServiceMetrics } from '../../app/service-metrics.js';
import { createMetrics } from '../../streams/delivery/metrics.js';

/** What the driver of the metrics keeps of each, though it does not say so in its types. */
export interface ServedMetric {
  name: string;
  type: string;
  labelNames: string[];
  help: string;
}

/** All that a running process tells whoever scrapes it. */
export function servedMetrics(): ServedMetric[] {
  const { registry } = createMetrics();
  createServiceMetrics(registry);
  createModelMetrics(registry);
  return registry.getMetricsAsArray() as unknown as ServedMetric[];
}

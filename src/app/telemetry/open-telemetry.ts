import { within } from '../../core/within.js';
import type { PipelineSpans } from '../../flow/spans.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import type { Environment } from '../../streams/topology/environment.js';
import type { TracedPipeline } from './pipeline-spans.js';
import type { AnsweredRequest, RequestSpan } from './request-span.js';

/** What a collector that does not answer may cost at the end of a process. */
const lastSendMs = 2_000;

export interface Telemetry {
  ofPipeline(pipeline: TracedPipeline): PipelineSpans;
  /** The same store, whose calls are spans where they belong to traced work. */
  ofObjects(objects: ObjectStore): ObjectStore;
  ofRequest(request: AnsweredRequest): RequestSpan;
  /** Sends what is left, and ends. */
  close(): Promise<void>;
}

/**
 * Traces by OTLP over HTTP, where the environment asks for them by OpenTelemetry's own variables: OTEL_EXPORTER_OTLP_ENDPOINT or
 * OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, with OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
 * OTEL_TRACES_SAMPLER and OTEL_SDK_DISABLED. Undefined: nobody asks. A collector that does not answer holds nothing up.
 */
export async function openTelemetry(env: Environment, version: string): Promise<Telemetry | undefined> {
  const asked = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (!asked || env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none')
    return undefined;
  // Loaded only where they are used: they take a tenth of a second.
  const [api, sdk, { OTLPTraceExporter }, resources, { pipelineSpans }, { tracedObjects }, { requestSpan }] =
    await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-trace-node'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
      import('./pipeline-spans.js'),
      import('./traced-objects.js'),
      import('./request-span.js'),
    ]);
  const named = resources.resourceFromAttributes({ 'service.name': 'vimi', 'service.version': version });
  const provider = new sdk.NodeTracerProvider({
    resource: named.merge(resources.detectResources({ detectors: [resources.envDetector] })),
    spanProcessors: [new sdk.BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  const tracer = provider.getTracer('vimi', version);
  return {
    ofPipeline: (pipeline) => pipelineSpans(tracer, pipeline),
    ofObjects: (objects) => tracedObjects(objects, tracer),
    ofRequest: (request) => requestSpan(tracer, request),
    async close() {
      await within(
        lastSendMs,
        provider.shutdown().catch(() => {}),
      );
      api.trace.disable();
      api.context.disable();
      api.propagation.disable();
    },
  };
}

import { SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import { parentOf, traceparentOf } from './pipeline-spans.js';

/** One request over HTTP, while it is answered. */
export interface RequestSpan {
  /** W3C trace context of this span. */
  readonly traceparent: string;
  end(status: number): void;
}

export interface AnsweredRequest {
  method: string;
  /** The pattern, such as /v1/videos/:id: without what callers write. */
  route: string;
  /** Of the caller. */
  traceparent: string | undefined;
}

/** Begins a span by OpenTelemetry's semantic conventions for HTTP servers. */
export function requestSpan(tracer: Tracer, { method, route, traceparent }: AnsweredRequest): RequestSpan {
  const attributes = { 'http.request.method': method, 'http.route': route };
  const span = tracer.startSpan(`${method} ${route}`, { kind: SpanKind.SERVER, attributes }, parentOf(traceparent));
  return {
    traceparent: traceparentOf(span),
    end(status) {
      span.setAttribute('http.response.status_code', status);
      // What callers do wrong is no error of this server.
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

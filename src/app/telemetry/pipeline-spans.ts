import {
  type Attributes,
  type Context,
  context,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { asVimiError } from '../../core/errors.js';
import { catalogue } from '../../events/catalogue.js';
import type { VimiEvent } from '../../events/event.js';
import { jobId } from '../../events/ids.js';
import type { StoredRecord } from '../../events/record.js';
import { isPromise } from '../../flow/map-each.js';
import type { CommittedPlace, EventSpan, PipelineSpans, SpanOutcome } from '../../flow/spans.js';

/*
 * Spans of a pipeline, by OpenTelemetry's semantic conventions for messaging 1.44:
 * receive TOPIC   a batch was read; links to what made its records
 * process TOPIC   an event, from its admission to its outcome; a child of the trace that it names
 * PIPELINE.STEP   the work of a step on a part of it; its child
 * commit TOPIC    a commit; links to the events that it settles
 */

export interface TracedPipeline {
  name: string;
  from: string;
  group: string;
  /** messaging.system: kafka, or vimi for the embedded log. */
  system: string;
}

export function pipelineSpans(tracer: Tracer, { name, from, group, system }: TracedPipeline): PipelineSpans {
  const common: Attributes = {
    'messaging.system': system,
    'messaging.destination.name': from,
    'messaging.consumer.group.name': group,
    'vimi.pipeline': name,
  };
  const operation = (type: string) => ({
    ...common,
    'messaging.operation.name': type,
    'messaging.operation.type': type,
  });
  return {
    event(record, event) {
      const span = tracer.startSpan(
        `process ${from}`,
        {
          kind: SpanKind.CONSUMER,
          attributes: { ...operation('process'), ...placeOf(record), ...described(event, name) },
        },
        parentOf(event.traceparent),
      );
      return new TracedEvent(tracer, span, name);
    },
    received(records, since) {
      const links = linksTo(records.map(({ headers }) => headers.traceparent?.toString('latin1')));
      const partition = String(records[0]?.partition ?? '');
      const attributes = {
        ...operation('receive'),
        'messaging.destination.partition.id': partition,
        'messaging.batch.message_count': records.length,
      };
      tracer
        .startSpan(`receive ${from}`, { kind: SpanKind.CLIENT, attributes, links, startTime: since }, ROOT_CONTEXT)
        .end();
    },
    commit({ partition, offset, traceparents }: CommittedPlace, work) {
      const attributes = {
        ...common,
        'messaging.operation.name': 'commit',
        'messaging.operation.type': 'settle',
        'messaging.destination.partition.id': String(partition),
        'messaging.kafka.offset': offset,
      };
      const links = linksTo(traceparents);
      const span = tracer.startSpan(`commit ${from}`, { kind: SpanKind.CLIENT, attributes, links }, ROOT_CONTEXT);
      return within(span, trace.setSpan(ROOT_CONTEXT, span), work) as ReturnType<typeof work>;
    },
  };
}

class TracedEvent implements EventSpan {
  readonly traceparent: string;
  readonly #tracer: Tracer;
  readonly #span: Span;
  readonly #pipeline: string;
  readonly #context: Context;

  constructor(tracer: Tracer, span: Span, pipeline: string) {
    this.#tracer = tracer;
    this.#span = span;
    this.#pipeline = pipeline;
    this.#context = trace.setSpan(ROOT_CONTEXT, span);
    this.traceparent = traceparentOf(span);
  }

  step<T>(name: string, part: string, work: () => T | Promise<T>): T | Promise<T> {
    const attributes = {
      'vimi.pipeline': this.#pipeline,
      'vimi.step': name,
      ...(part !== '' && { 'vimi.part': part }),
    };
    const span = this.#tracer.startSpan(`${this.#pipeline}.${name}`, { attributes }, this.#context);
    return within(span, trace.setSpan(this.#context, span), work);
  }

  end({ kind, reason, error }: SpanOutcome): void {
    this.#span.setAttribute('vimi.outcome', kind);
    if (reason !== undefined) this.#span.setAttribute('vimi.drop_reason', reason);
    if (error) failed(this.#span, error);
    this.#span.end();
  }
}

/** Runs work as the active span, and ends that with it. */
export function within<T>(span: Span, active: Context, work: () => T | Promise<T>): T | Promise<T> {
  const failing = (error: unknown): never => {
    failed(span, error);
    span.end();
    throw error;
  };
  try {
    const result = context.with(active, work);
    if (!isPromise(result)) {
      span.end();
      return result;
    }
    return result.then((value) => {
      span.end();
      return value;
    }, failing);
  } catch (error) {
    return failing(error);
  }
}

function failed(span: Span, thrown: unknown): void {
  const { code, message } = asVimiError(thrown);
  span.setAttribute('error.type', code);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}

export function parentOf(traceparent: string | undefined): Context {
  return traceparent === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, { traceparent });
}

export function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

function linksTo(traceparents: readonly (string | undefined)[]): Link[] {
  return traceparents.flatMap((one) => {
    const linked = one === undefined ? undefined : trace.getSpanContext(parentOf(one));
    return linked ? [{ context: linked }] : [];
  });
}

function placeOf({ partition, offset, key }: StoredRecord): Attributes {
  return {
    'messaging.destination.partition.id': String(partition),
    'messaging.kafka.offset': offset,
    ...(key && { 'messaging.kafka.message.key': key.toString('utf8') }),
  };
}

function described(event: VimiEvent, pipeline: string): Attributes {
  return {
    'cloudevents.event_id': event.id,
    'cloudevents.event_source': event.source,
    'cloudevents.event_type': event.type,
    ...(catalogue[event.schema].asks === 'job' && { 'vimi.job': jobId(pipeline, event) }),
  };
}

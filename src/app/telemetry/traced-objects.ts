import { context, SpanKind, type Tracer, trace } from '@opentelemetry/api';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import { within } from './pipeline-spans.js';

/** An object store whose calls are spans where they belong to traced work; others, such as sweeps, are none. */
export function tracedObjects(objects: ObjectStore, tracer: Tracer): ObjectStore {
  const traced = <T>(operation: string, key: string, work: () => Promise<T>): Promise<T> => {
    const active = context.active();
    if (!trace.getSpan(active)) return work();
    const attributes = { 'vimi.object.operation': operation, 'vimi.object.key': key };
    const span = tracer.startSpan(`object ${operation}`, { kind: SpanKind.CLIENT, attributes }, active);
    return within(span, trace.setSpan(active, span), work) as Promise<T>;
  };
  const link = objects.link?.bind(objects);
  return {
    put: (key, body, options) => traced('put', key, () => objects.put(key, body, options)),
    get: (key, options) => traced('get', key, () => objects.get(key, options)),
    stream: (key, range) => traced('get', key, () => objects.stream(key, range)),
    stat: (key) => traced('head', key, () => objects.stat(key)),
    list: (prefix, options) => objects.list(prefix, options),
    remove: (key) => traced('delete', key, () => objects.remove(key)),
    changedAt: (key) => objects.changedAt(key),
    ...(link && { link }),
    localFile: (key) => traced('get', key, () => objects.localFile(key)),
  };
}

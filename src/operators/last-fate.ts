import type { Envelope } from '../streams/envelope.js';

/** The same envelope, with `done` called once: when all that comes of it has a fate, or the work was abandoned. */
export function onLastFate<T>(envelope: Envelope<T>, done: () => void): Envelope<T> {
  let open = 1;
  let isDone = false;
  const finish = () => {
    if (isDone) return;
    isDone = true;
    envelope.signal.removeEventListener('abort', finish);
    done();
  };
  const opened = (more: number) => {
    open += more;
    if (open === 0) finish();
  };
  const watch = <U>(inner: Envelope<U>): Envelope<U> => ({
    event: inner.event,
    origin: inner.origin,
    data: inner.data,
    part: inner.part,
    signal: inner.signal,
    pause: inner.pause,
    watch: inner.watch,
    get isAborted() {
      return inner.isAborted;
    },
    abort: (reason) => inner.abort(reason),
    with: (data) => watch(inner.with(data)),
    fork(children, reason) {
      const made = inner.fork(children, reason);
      opened(made.length - 1);
      return made.map(watch);
    },
    output: (record) => inner.output(record),
    settle(fate) {
      inner.settle(fate);
      opened(-1);
    },
  });
  envelope.signal.addEventListener('abort', finish);
  if (envelope.signal.aborted) finish();
  return watch(envelope);
}

/**
 * What has arrived, in lists of at most `most`: who works on a list gets next what came meanwhile. At most one
 * list and one record wait.
 */
export async function* batches<R>(source: AsyncIterable<R>, most: number): AsyncGenerator<R[]> {
  const iterator = source[Symbol.asyncIterator]();
  const advance = () => {
    const result = iterator.next();
    // A failure is met where it is awaited.
    result.catch(() => {});
    return result;
  };
  try {
    let next = advance();
    for (let first = await next; !first.done; first = await next) {
      const list = [first.value];
      next = advance();
      while (list.length < most) {
        const more = await Promise.race([next, new Promise<null>((resolve) => setImmediate(() => resolve(null)))]);
        if (more === null || more.done) break;
        list.push(more.value);
        next = advance();
      }
      yield list;
    }
  } finally {
    // Not awaited: a source that waits for records returns only once its signal aborts.
    iterator.return?.().catch(() => {});
  }
}

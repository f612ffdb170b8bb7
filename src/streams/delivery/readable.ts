const most = { items: 8, characters: 300 };

/** What steps hand on, fit to be read: long lists of numbers, long texts and bytes are told by their size. */
export function readable(value: unknown): unknown {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === 'string' && value.length > most.characters) return `${value.slice(0, most.characters)}...`;
  if (Array.isArray(value))
    return value.length > most.items && value.every((item) => typeof item === 'number')
      ? `${value.length} numbers`
      : value.map(readable);
  if (ArrayBuffer.isView(value))
    return `${(value as unknown as { length?: number }).length ?? value.byteLength} numbers`;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, readable(inner)]));
}

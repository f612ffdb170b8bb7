const keys = new WeakMap<object, string>();
let count = 0;

/** Tells the weights of one model from those of others, as long as this process has them. */
export function modelKey({ weights }: { weights: object }): string {
  const known = keys.get(weights);
  if (known !== undefined) return known;
  const key = `model-${count++}`;
  keys.set(weights, key);
  return key;
}

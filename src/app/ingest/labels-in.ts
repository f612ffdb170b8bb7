import type { Labels } from '../../events/caption.js';
import { within } from '../../events/input.js';

const mostCharacters = 1000;

/**
 * Of a row or a JSON object, what is wanted as labels, under the wanted names; upper and lower case are alike where the
 * name itself is not there. Texts, numbers, true and false; a list of texts is joined by commas. Anything else is no label.
 */
export function labelsIn(cells: Readonly<Record<string, unknown>>, wanted: readonly string[]): { labels?: Labels } {
  if (wanted.length === 0) return {};
  const lower = new Map(Object.entries(cells).map(([name, value]) => [name.toLowerCase(), value]));
  const found = wanted.flatMap((name): [string, Labels[string]][] => {
    const label = labelOf(Object.hasOwn(cells, name) ? cells[name] : lower.get(name.toLowerCase()));
    return label === undefined ? [] : [[name, label]];
  });
  return found.length > 0 ? { labels: Object.fromEntries(found) } : {};
}

function labelOf(value: unknown): Labels[string] | undefined {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'bigint') return String(value);
  const isTexts = Array.isArray(value) && value.every((one) => typeof one === 'string');
  const text = isTexts ? value.join(', ') : value;
  return typeof text === 'string' && within(text.trim(), 1, mostCharacters) ? text.trim() : undefined;
}

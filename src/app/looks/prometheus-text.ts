/** One line of the text format of Prometheus. */
export interface MetricSample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}

const line = /^([A-Za-z_:][\w:]*)(?:\{((?:[A-Za-z_]\w*="(?:[^"\\]|\\.)*",?)*)\})? (\S+)(?: -?\d+)?$/;
const label = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)",?/g;
const escapes: Record<string, string> = { '\\n': '\n', '\\"': '"', '\\\\': '\\' };

/** The samples of a text in the format of Prometheus, version 0.0.4. What is no sample is left out. */
export function* metricSamples(text: string): Generator<MetricSample> {
  for (const one of text.split('\n')) {
    const [, name, labels = '', value] = line.exec(one) ?? [];
    if (name === undefined || value === undefined) continue;
    const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value);
    if (Number.isNaN(number)) continue;
    const pairs = [...labels.matchAll(label)].map(([, key, text]) => [
      key!,
      text!.replace(/\\./g, (e) => escapes[e] ?? e),
    ]);
    yield { name, labels: Object.fromEntries(pairs), value: number };
  }
}

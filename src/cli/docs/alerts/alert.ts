/** Something that somebody should look at: a rule for Prometheus, what it means, and cases that show when it fires. */
export interface Alert {
  /** As Alertmanager and the runbook name it. */
  name: string;
  /** critical: work stands still or is lost. warning: it will, or somebody must decide. info: worth knowing. */
  severity: 'critical' | 'warning' | 'info';
  expr: string;
  /** How long it must hold, as Prometheus writes durations. */
  for: string;
  /** One line; `{{ $labels.x }}` is a label of the expression. */
  summary: string;
  means: string;
  /** What to do, in order. */
  remedy: string[];
  /** Series a minute apart, and the labels of the alert that they raise after `minutes`; null: none. */
  cases: { series: Record<string, string>; minutes: number; raises: Record<string, string> | null }[];
}

/**
 * What a counter gained. A counter that was not there before begins at what it gained: `increase` alone would miss the first
 * event of each kind, and for losses the first is the one that counts.
 */
export function gained(counter: string, by: string, window: string): string {
  const now = `sum by (${by}) (${counter})`;
  const before = `sum by (${by}) (${counter} offset ${window})`;
  return `(sum by (${by}) (increase(${counter}[${window}])) > 0) or ((${now} unless ${before}) > 0)`;
}

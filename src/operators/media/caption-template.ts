import type { Labels } from '../../events/caption.js';
import { isNoCaption } from './said.js';

const field = /\{([^{}]{1,64})\}/g;

/** The names of the labels that a template puts in: `{label} {verb}`. */
export function fieldsOf(template: string): string[] {
  return [...new Set([...template.matchAll(field)].map(([, name]) => name!))];
}

/** The template with the labels of a medium put in; undefined where one of them is missing, or says nothing. */
export function filledIn(template: string, labels: Labels = {}): string | undefined {
  const values = new Map(
    fieldsOf(template).map((name) => [name, Object.hasOwn(labels, name) ? String(labels[name]).trim() : '']),
  );
  if ([...values.values()].some(isNoCaption)) return undefined;
  return template.replace(field, (_, name: string) => values.get(name)!);
}

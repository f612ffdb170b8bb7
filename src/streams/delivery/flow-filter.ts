import { VimiError } from '../../core/errors.js';

/** Whether what a step hands on is wanted. */
export type FlowFilter = (data: object) => boolean;

const form = /^([A-Za-z][\w-]*(?:\.[\w-]+){0,8})(!=|=|~|<|>)([\s\S]{0,200})$/;

/**
 * `PATH=VALUE`, `!=`, `<`, `>`, and `~` for texts that hold a text, in any case: `query.text~fox`, `clip.motion<0.02`. A path that leads to
 * nothing is equal to nothing. HTTP_MALFORMED for anything else.
 */
export function flowFilter(text: string): FlowFilter {
  const [, path, operator, wanted] = form.exec(text) ?? [];
  if (path === undefined || wanted === undefined)
    throw new VimiError('HTTP_MALFORMED', 'This is no filter', {
      expected: 'PATH=VALUE, PATH!=VALUE, PATH<NUMBER, PATH>NUMBER or PATH~TEXT, such as query.text~fox',
      found: text,
      where: 'filter',
    });
  const names = path.split('.');
  const number = wanted.trim() === '' ? Number.NaN : Number(wanted);
  return (data) => {
    const value = at(data, names);
    if (operator === '=') return String(value) === wanted;
    if (operator === '!=') return String(value) !== wanted;
    if (operator === '~') return typeof value === 'string' && value.toLowerCase().includes(wanted.toLowerCase());
    return typeof value === 'number' && (operator === '<' ? value < number : value > number);
  };
}

function at(data: unknown, names: readonly string[]): unknown {
  return names.reduce<unknown>(
    (value, name) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, name)
        ? (value as Record<string, unknown>)[name]
        : undefined,
    data,
  );
}

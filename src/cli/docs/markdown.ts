export function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
}

interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  /** `{}`: the field may not be there. */
  not?: object;
  anyOf?: JsonSchema[];
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  description?: string;
  default?: unknown;
  required?: string[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  maxLength?: number;
  format?: string;
}

/** The fields of an object's JSON Schema: name, values, default, meaning. */
export function fieldRows(schema: object): string[][] {
  const { properties = {}, required = [] } = schema as JsonSchema;
  return Object.entries(properties).map(([name, field]) => [
    `\`${name}\`${required.includes(name) && field.default === undefined ? ' (needed)' : ''}`,
    typeWords(field),
    field.default === undefined ? '' : `\`${JSON.stringify(field.default)}\``,
    field.description ?? '',
  ]);
}

/** The values that a field may have, in words. */
export function fieldType(schema: object): string {
  return typeWords(schema as JsonSchema);
}

function typeWords(schema: JsonSchema): string {
  if (schema.$ref) return `a ${schema.$ref.split('/').at(-1)}`;
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeWords({ ...schema, type })).join(' or ');
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeWords))].join(' or ');
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.type === 'array') return `list of ${typeWords(schema.items ?? {})}`;
  if (schema.type === 'object') {
    const names = Object.entries(schema.properties ?? {})
      .filter(([, { not }]) => not === undefined)
      .map(([name]) => name);
    return names.length > 0 ? `{ ${names.join(', ')} }` : 'object';
  }
  if (schema.type === 'string') {
    if (schema.format === 'date-time') return 'a moment in UTC';
    return schema.maxLength === undefined ? 'text' : `text, at most ${schema.maxLength} characters`;
  }
  if (schema.type === 'integer') return `whole number${range(schema)}`;
  if (schema.type === 'number') return `number${range(schema)}`;
  return schema.type === 'boolean' ? '`true`, `false`' : (schema.type ?? 'anything');
}

function range({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const stated = (bound: number | undefined) =>
    bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER ? bound : undefined;
  const low = stated(minimum) ?? stated(exclusiveMinimum);
  const high = stated(maximum) ?? stated(exclusiveMaximum);
  const more = exclusiveMinimum === undefined ? 'at least' : 'more than';
  if (low !== undefined && high !== undefined)
    return exclusiveMinimum === undefined ? `, ${low} to ${high}` : `, more than ${low}, at most ${high}`;
  if (low !== undefined) return `, ${more} ${low}`;
  return high === undefined ? '' : `, at most ${high}`;
}

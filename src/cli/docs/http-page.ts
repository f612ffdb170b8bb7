import { markdownTable } from '../../core/markdown-table.js';
import { fieldRows, fieldType } from './markdown.js';

type Schema = object & { $ref?: string; description?: string };

interface Operation {
  summary: string;
  description?: string;
  tags?: string[];
  parameters?: { in: string; name: string; required?: boolean; description?: string; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { description: string; content?: Record<string, { schema?: Schema }> }>;
}

/** As much of OpenAPI 3.1 as our own server says. */
export interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

/** For whoever calls vimi over HTTP: every address, with its parameters, body and answers. */
export function httpPage(api: OpenApi): string {
  const byTag = new Map<string, string[][]>();
  for (const [path, methods] of Object.entries(api.paths))
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? 'operation';
      byTag.set(tag, [...(byTag.get(tag) ?? []), operationPart(`${method.toUpperCase()} ${path}`, operation)]);
    }
  return `${[
    '# HTTP API',
    'Every address that `vimi run` serves with the shipped topology, as its own `/openapi.json` describes it ([the same file](openapi.json)). How to use them: [Ask over HTTP](../guides/http.md). Every error is a problem of RFC 9457 (`application/problem+json`) with a [code](errors.md). Generated from what a server answers.',
    ...[...byTag].flatMap(([tag, parts]) => [`## ${tag.charAt(0).toUpperCase()}${tag.slice(1)}`, ...parts.flat()]),
    '## Objects',
    'What bodies and answers consist of.',
    ...Object.entries(api.components.schemas).flatMap(([name, schema]) => objectPart(name, schema)),
  ].join('\n\n')}\n`;
}

function operationPart(title: string, { summary, description, parameters = [], requestBody, responses }: Operation) {
  const bodies = Object.entries(requestBody?.content ?? {});
  return [
    // In code, so that `{id}` is text to every reader of Markdown.
    `### \`${title}\``,
    `${summary}.${description ? ` ${description}` : ''}`,
    ...(parameters.length > 0
      ? [
          markdownTable(
            ['Parameter', 'In', 'Values', 'Default', 'Meaning'],
            parameters.map(({ in: place, name, required, description = '', schema }) => [
              `\`${name}\`${required && place !== 'path' ? ' (needed)' : ''}`,
              place,
              fieldType(schema),
              'default' in schema ? `\`${JSON.stringify(schema.default)}\`` : '',
              description,
            ]),
          ),
        ]
      : []),
    ...(bodies.length > 0
      ? [`Body: ${bodies.map(([type, { schema }]) => `\`${type}\`${linked(schema)}`).join(' or ')}.`]
      : []),
    markdownTable(
      ['Answer', 'Body', 'Meaning'],
      Object.entries(responses)
        .filter(([status]) => !/XX$/.test(status))
        .map(([status, { description, content = {} }]) => [
          status,
          Object.entries(content)
            .map(([type, { schema }]) => `\`${type}\`${schema ? linked(schema) : ''}`)
            .join(', '),
          description,
        ]),
    ),
  ];
}

function objectPart(name: string, schema: Schema): string[] {
  const rows = fieldRows(schema);
  return [
    `### ${name}`,
    ...(schema.description ? [`${schema.description}.`] : []),
    rows.length > 0 ? markdownTable(['Field', 'Values', 'Default', 'Meaning'], rows) : `${fieldType(schema)}.`,
  ];
}

function linked({ $ref }: Schema): string {
  const name = $ref?.split('/').at(-1);
  return name ? ` ([${name}](#${name.toLowerCase()}))` : '';
}

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a topology takes values from the environment so.
import { z } from 'zod';
import { schemas } from '../../events/schemas.js';
import type { Operator } from '../../flow/operator.js';
import { hosts } from './hosts.js';
import { modelKinds } from './models.js';
import { pipelineSettings } from './pipelines.js';
import { mediaRoots, profileParts, serverSettings, workFolder } from './profiles.js';
import { nameRule } from './sections.js';
import { testSettings } from './tests.js';
import { topicSettings } from './topics.js';

type Schema = Record<string, unknown>;

const draft7 = 'http://json-schema.org/draft-07/schema#';
const variable: Schema = {
  type: 'string',
  pattern: '\\$\\{',
  description: 'From the environment, ${NAME} or ${NAME:-default}, or from a file, ${file:PATH}.',
};
const tests: Schema = {
  type: 'object',
  description: 'By name, what must come of which events: `vimi test` runs them.',
  additionalProperties: { $ref: '#/definitions/test' },
};

/**
 * JSON Schema (draft 7, which editors know best) of topology.yaml: names, types, ranges and defaults, from the specs that
 * the reader checks with. It accepts whatever the reader accepts. What only the whole file can show (topics that are not
 * declared, steps in the wrong order) is left to `vimi validate`.
 */
export function topologySchema(operators: readonly Operator[]): Schema {
  const names = Object.keys(schemas);
  return {
    $schema: draft7,
    title: 'topology.yaml of vimi',
    description: 'What flows from where, through which steps, to where.',
    ...strict(
      {
        profiles: named('Where records, objects and the index live. The first is the default.', ref('profile')),
        media_roots: { ...fromZod(mediaRoots), description: 'Folders that media may be read from.' },
        media_hosts: { ...fromZod(hosts), description: 'Hosts that media may be fetched from.' },
        model_hosts: { ...fromZod(hosts), description: 'Hosts of model servers that steps may call.' },
        webhook_hosts: { ...fromZod(hosts), description: 'Hosts that webhooks may go to.' },
        models: named(
          'Models of this machine in several processes, and those of model servers, by the names that steps use.',
          ref('model'),
        ),
        topics: named('What each topic carries.', ref('topic')),
        segments: named('Lists of steps that pipelines share.', ref('steps')),
        pipelines: { ...named('From a topic, through steps, to sinks.', ref('pipeline')), minProperties: 1 },
        tests,
      },
      ['topics', 'pipelines'],
    ),
    definitions: {
      variable,
      test: plainSchema(testSettings),
      profile: strict(
        {
          ...profileSchema(),
          work: { ...fromZod(workFolder), description: 'Folder for temporary files of runs.' },
          media_roots: fromZod(mediaRoots),
          server: { ...fromZod(serverSettings), description: 'Where `vimi run` serves HTTP.' },
        },
        Object.keys(profileParts),
      ),
      model: { anyOf: Object.values(modelKinds).map(fromZod) },
      topic: extended(topicSettings, ['schema'], {
        schema: {
          description: 'What it carries; a bare JSON object is taken for the first.',
          anyOf: [{ enum: names }, { type: 'array', minItems: 1, uniqueItems: true, items: { enum: names } }],
        },
      }),
      pipeline: extended(pipelineSettings, ['from', 'steps'], {
        steps: ref('steps'),
        to: {
          description: 'Where products go.',
          anyOf: [ref('sink'), { type: 'array', items: ref('sink') }],
        },
      }),
      sink: {
        anyOf: [
          strict({ objects: { type: 'string', description: 'A pattern of object keys, such as videos/{job}.mp4.' } }, [
            'objects',
          ]),
          strict({ topic: { type: 'string', description: 'A topic that carries the product.' } }, ['topic']),
        ],
      },
      steps: { type: 'array', minItems: 1, items: ref('step') },
      step: {
        anyOf: [
          ...operators.map(({ name, summary }) => ({ const: name, description: summary })),
          { ...strict(Object.fromEntries(operators.map(stepOf))), minProperties: 1, maxProperties: 1 },
          strict({ use: { type: 'string', pattern: nameRule.source, description: 'A segment.' } }, ['use']),
          strict(
            {
              use: { type: 'string', pattern: '^\\.{1,2}/', description: 'The file of a custom operator.' },
              with: { type: ['object', 'null'], description: 'The settings of a custom operator.' },
            },
            ['use'],
          ),
        ],
      },
    },
  };
}

/** JSON Schema of a file of tests beside a topology, such as topology.test.yaml. */
export function testFileSchema(): Schema {
  return {
    $schema: draft7,
    title: 'Tests of a topology of vimi',
    ...strict({ tests }, ['tests']),
    definitions: { test: plainSchema(testSettings) },
  };
}

function profileSchema(): Schema {
  return Object.fromEntries(
    Object.entries(profileParts).map(([part, kinds]) => [
      part,
      { anyOf: Object.values(kinds as Record<string, z.ZodType>).map(fromZod) },
    ]),
  );
}

function stepOf({ name, summary, config }: Operator): [string, Schema] {
  return [name, { description: summary, anyOf: [fromZod(config), { type: 'null' }] }];
}

/** An object's schema in which some properties, of which zod knows nothing, are spelled out. */
function extended(settings: z.ZodObject, required: string[], known: Schema): Schema {
  const schema = fromZod(settings);
  return { ...schema, properties: { ...(schema.properties as Schema), ...known }, required };
}

function fromZod(schema: z.ZodType): Schema {
  return withVariables(plainSchema(schema));
}

function plainSchema(schema: z.ZodType): Schema {
  const { $schema, ...json } = z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-07',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      delete jsonSchema.topic;
      // There is a pattern beside it, which every validator knows.
      delete jsonSchema.format;
      // All integers are safe ones; nobody needs to read that.
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      // The only ones here say that a key has no place where it stands.
      if (zodSchema._zod.def.type === 'custom') jsonSchema.not = {};
    },
  });
  return json as Schema;
}

/** Wherever a number, a choice or a text of some form stands, `${NAME}` may stand instead. */
function withVariables(schema: Schema): Schema {
  if (schema.anyOf) {
    const branches = (schema.anyOf as Schema[]).map((branch) => (isLeaf(branch) ? branch : withVariables(branch)));
    return { ...schema, anyOf: (schema.anyOf as Schema[]).some(isFormed) ? [...branches, ref('variable')] : branches };
  }
  if (schema.type === 'object') {
    const { properties, additionalProperties: others } = schema as {
      properties?: Schema;
      additionalProperties?: Schema;
    };
    return {
      ...schema,
      ...(properties && { properties: mapped(properties, withVariables) }),
      ...(others && typeof others === 'object' && { additionalProperties: withVariables(others) }),
    };
  }
  if (schema.type === 'array') return { ...schema, items: withVariables(schema.items as Schema) };
  if (!isFormed(schema)) return schema;
  const { description, default: fallback, ...form } = schema;
  return {
    ...(description !== undefined && { description }),
    ...(fallback !== undefined && { default: fallback }),
    anyOf: [form, ref('variable')],
  };
}

function isLeaf({ type, anyOf }: Schema): boolean {
  return type !== 'object' && type !== 'array' && !anyOf;
}

/** A leaf that not every text fits. */
function isFormed(schema: Schema): boolean {
  if (!isLeaf(schema) || schema.not || Object.keys(schema).length === 0) return false;
  return schema.type !== 'string' || 'pattern' in schema || 'enum' in schema || 'const' in schema || 'format' in schema;
}

function mapped(properties: Schema, change: (schema: Schema) => Schema): Schema {
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, change(value as Schema)]));
}

function strict(properties: Schema, required: string[] = []): Schema {
  return { type: 'object', properties, ...(required.length > 0 && { required }), additionalProperties: false };
}

function named(description: string, schema: Schema): Schema {
  return {
    type: 'object',
    description,
    propertyNames: { pattern: nameRule.source },
    additionalProperties: schema,
  };
}

function ref(name: string): Schema {
  return { $ref: `#/definitions/${name}` };
}

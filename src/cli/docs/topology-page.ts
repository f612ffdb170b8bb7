// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a topology takes values from the environment so.
import { z } from 'zod';
import { markdownTable } from '../../core/markdown-table.js';
import { modelKinds } from '../../streams/topology/models.js';
import { pipelineSettings } from '../../streams/topology/pipelines.js';
import { profileParts, serverSettings } from '../../streams/topology/profiles.js';
import { testSettings } from '../../streams/topology/tests.js';
import { topicSettings } from '../../streams/topology/topics.js';
import { fieldRows } from './markdown.js';

/** Every key of topology.yaml that is no setting of a step. */
export function topologyPage(): string {
  return `${[
    '# topology.yaml',
    'For everyone who edits it: each section and its keys. Generated from what the reader checks. The settings of steps stand with the [operators](operators/README.md); what each schema of a topic means, in [topics](topics.md). Editors check and complete the file with its [JSON Schema](schemas/topology.schema.json).',
    markdownTable(
      ['Section', 'Meaning'],
      [
        ['[`profiles`](#profiles)', 'Where records, objects and the index live, by name. The first is the default.'],
        ['`media_roots`', 'Folders that media may be read from; a profile may have its own. Default `[.]`'],
        [
          '`media_hosts`',
          'Hosts that media may be fetched from over http and https: `media.example`, `*.media.example`, with `:PORT` where it is not 80 or 443. Default: none',
        ],
        [
          '`model_hosts`',
          'Hosts of model servers that steps call, such as captioners; written as those of media_hosts. Names may lead into private networks. Default: none',
        ],
        [
          '`webhook_hosts`',
          'Hosts that webhooks may go to over https (`docs/guides/webhooks.md`); written as those of media_hosts. Default: none',
        ],
        [
          '[`models`](#models)',
          'Models that model servers have, by the names that the step denoise uses. Default: none',
        ],
        ['[`topics`](#topics)', 'What each topic carries, by name.'],
        ['[`segments`](#segments-and-steps)', 'Lists of steps that pipelines share, by name.'],
        ['[`pipelines`](#pipelines)', 'From a topic, through steps, to sinks, by name.'],
        ['[`tests`](#tests)', 'What must come of which events, by name; also in files beside the topology.'],
      ],
    ),
    'Names are a letter, then at most 62 letters, digits, dots, dashes or underscores. Relative paths start at the folder of the file. A time is a whole number and one of s, m, h, d, w: `7d`.',
    'Values may come from the environment, `${NAME}` or `${NAME:-default}`, and from files, `${file:PATH}`. Within `{ }` and `[ ]` put them in quotation marks: vimi reads them without, editors do not. Messages name the variable, never its value.',
    '## Profiles',
    'A profile has a `transport`, `objects` and `search`. It may have a folder `work` for temporary files (default `.vimi/work`), `media_roots` of its own, and a `server`.',
    ...Object.entries(profileParts).flatMap(([part, kinds]) =>
      Object.entries(kinds as Record<string, z.ZodObject>).map(([kind, settings]) =>
        keys(`${part}: ${kind}`, settings),
      ),
    ),
    '### server',
    'Where `vimi run` serves HTTP: [serve other machines](../guides/http.md#serve-other-machines). `--http HOST:PORT` gives another address, `--no-http` serves none.',
    keys('', serverSettings),
    '## Models',
    'How to run a model server: [model servers](../guides/model-servers.md). A name of this section goes before a preset of the same name.',
    'A step may also name a preset or a weights file at once: that is one process. With several, each has the whole model, and a job goes to the one with most room: [several processes](../concepts/models.md#several-processes).',
    ...Object.entries(modelKinds).map(([kind, settings]) => keys(kind, settings)),
    '## Topics',
    keys('', topicSettings, {
      schema: [
        'one of the [schemas](topics.md), or a list',
        'What it carries; a bare JSON object is taken for the first that fits.',
      ],
    }),
    '## Segments and steps',
    'A list of steps. Each step is one of these:',
    markdownTable(
      ['Step', 'Meaning'],
      [
        ['`retrieve`', 'an [operator](operators/README.md) with its defaults'],
        ['`retrieve: { k: 3 }`', 'an operator with settings'],
        ['`use: ground`', 'the steps of a segment'],
        ['`use: ./my-operator.mjs`', 'a custom operator; its settings stand under `with:`'],
      ],
    ),
    '## Pipelines',
    keys('', pipelineSettings, {
      steps: ['list of [steps](#segments-and-steps)', 'At least one.'],
      to: [
        '`{ objects: PATTERN }`, `{ topic: NAME }`, or a list of them',
        'Where products go. Fields of the pattern, such as `{job}`, stand with the operator that makes the product.',
      ],
    }),
    '## Tests',
    'How to write them: `docs/guides/test-a-topology.md`.',
    keys('', testSettings),
    keys('expect', testSettings.shape.expect),
  ].join('\n\n')}\n`;
}

/** Of those that zod knows nothing of. */
const needed = new Set(['schema', 'steps']);

/** The keys of an object; `known`: values and meaning of those that zod knows nothing of. */
function keys(title: string, settings: z.ZodObject, known: Record<string, [string, string]> = {}): string {
  const schema = z.toJSONSchema(settings, { io: 'input', target: 'draft-2020-12', unrepresentable: 'any' });
  const rows = fieldRows(schema).flatMap((row) => {
    const name = /^`(\w+)`/.exec(row[0]!)![1]!;
    const [values, meaning] = known[name] ?? [row[1]!, row[3]!];
    // A kind that cannot have a key says so in its message.
    return values === 'anything' && !meaning
      ? []
      : [[needed.has(name) ? `\`${name}\` (needed)` : row[0]!, values, row[2]!, meaning]];
  });
  const list = markdownTable(['Key', 'Values', 'Default', 'Meaning'], rows);
  return title ? `### ${title}\n\n${list}` : list;
}

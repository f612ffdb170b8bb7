import { join } from 'node:path';
import { fileSha256 } from '../../../core/file-sha256.js';
import { type SampleColumn, sampleColumns } from './sample-columns.js';

/*
 * Croissant 1.0 (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html): what a folder of shards and their table
 * holds, for Hugging Face, Kaggle, OpenML, TensorFlow Datasets and the library mlcroissant. Two record sets: `samples` from
 * the table, and `clips` from the tars themselves. Nothing in it depends on the day.
 */

export interface DescribedFile {
  /** Within the folder. */
  path: string;
  sha256: string;
  bytes: number;
}

/** The keywords of a Croissant file, as its specification gives them. */
const context = {
  '@language': 'en',
  '@vocab': 'https://schema.org/',
  citeAs: 'cr:citeAs',
  column: 'cr:column',
  conformsTo: 'dct:conformsTo',
  cr: 'http://mlcommons.org/croissant/',
  rai: 'http://mlcommons.org/croissant/RAI/',
  data: { '@id': 'cr:data', '@type': '@json' },
  dataType: { '@id': 'cr:dataType', '@type': '@vocab' },
  dct: 'http://purl.org/dc/terms/',
  equivalentProperty: 'cr:equivalentProperty',
  examples: { '@id': 'cr:examples', '@type': '@json' },
  extract: 'cr:extract',
  field: 'cr:field',
  fileProperty: 'cr:fileProperty',
  fileObject: 'cr:fileObject',
  fileSet: 'cr:fileSet',
  format: 'cr:format',
  includes: 'cr:includes',
  isLiveDataset: 'cr:isLiveDataset',
  jsonPath: 'cr:jsonPath',
  key: 'cr:key',
  md5: 'cr:md5',
  parentField: 'cr:parentField',
  path: 'cr:path',
  recordSet: 'cr:recordSet',
  references: 'cr:references',
  regex: 'cr:regex',
  repeated: 'cr:repeated',
  replace: 'cr:replace',
  samplingRate: 'cr:samplingRate',
  sc: 'https://schema.org/',
  separator: 'cr:separator',
  source: 'cr:source',
  subField: 'cr:subField',
  transform: 'cr:transform',
};

const dataTypes = { text: 'sc:Text', integer: 'sc:Integer', number: 'sc:Float', bytes: 'sc:VideoObject' } as const;

/** The text of croissant.json. The table is `samples.parquet`, whole on disk. */
export async function croissantOf({
  name,
  folder,
  shards,
  licences,
}: {
  name: string;
  folder: string;
  shards: readonly DescribedFile[];
  licences: readonly string[];
}): Promise<string> {
  const table = await describe(folder, 'samples.parquet');
  const id = (text: string) => ({ '@id': text });
  const fileSet = (called: string, includes: string, encodingFormat: string) => ({
    ...{ '@type': 'cr:FileSet', ...id(called), name: called },
    ...{ containedIn: shards.map(({ path }) => id(path)), encodingFormat, includes },
  });
  const field = ({ name: column, type, isList, says }: SampleColumn) => ({
    ...{ '@type': 'cr:Field', ...id(`samples/${column}`), name: column, description: says },
    ...{ dataType: dataTypes[type], ...(isList && { repeated: true }) },
    source: { fileObject: id(table.path), extract: { column } },
  });
  const ofClips = (called: string, says: string, dataType: string, source: object) => ({
    ...{ '@type': 'cr:Field', ...id(`clips/${called}`), name: called, description: says, dataType },
    source: { fileSet: id('clip-files'), ...source },
  });
  const described = {
    '@context': context,
    ...{ '@type': 'sc:Dataset', conformsTo: 'http://mlcommons.org/croissant/1.0', name },
    description:
      'Training samples of text-to-video generation: clips with captions, measured scores, provenance, and the prompt of retrieved images and captions that each was grounded in. WebDataset shards, and a table with a row a sample.',
    // Croissant wants a number; what tells exports apart is the table.
    version: `1.0.0+${table.sha256.slice(0, 16)}`,
    license: licences.map((licence) => (/^https?:/.test(licence) ? licence : spdx(licence))),
    distribution: [
      fileObject(table, 'application/x-parquet'),
      ...shards.map((shard) => fileObject(shard, 'application/x-tar')),
      fileSet('clip-files', '*.mp4', 'video/mp4'),
      fileSet('still-files', '*.webp', 'image/webp'),
      fileSet('fact-files', '*.json', 'application/json'),
      fileSet('caption-files', '*.txt', 'text/plain'),
    ],
    recordSet: [
      {
        ...{ '@type': 'cr:RecordSet', ...id('samples'), name: 'samples', key: id('samples/name') },
        description: 'a row a sample; its clip lies at clip_offset of its shard',
        field: sampleColumns.map(field),
      },
      {
        ...{ '@type': 'cr:RecordSet', ...id('clips'), name: 'clips', key: id('clips/name') },
        description: 'the clips themselves, by the name of their sample',
        field: [
          ofClips('name', 'the name of the sample', 'sc:Text', {
            extract: { fileProperty: 'filename' },
            transform: { regex: '^([^.]+)\\.mp4$' },
          }),
          ofClips('clip', 'the MP4', 'sc:VideoObject', { extract: { fileProperty: 'content' } }),
        ],
      },
    ],
  };
  return `${JSON.stringify(described, null, 2)}\n`;
}

function fileObject({ path, sha256, bytes }: DescribedFile, encodingFormat: string) {
  return {
    ...{ '@type': 'cr:FileObject', '@id': path, name: path, contentUrl: path },
    ...{ contentSize: `${bytes} B`, encodingFormat, sha256 },
  };
}

function spdx(licence: string): string {
  return /^[A-Za-z0-9.+-]+$/.test(licence) && licence !== 'unknown'
    ? `https://spdx.org/licenses/${licence}.html`
    : licence;
}

async function describe(folder: string, path: string): Promise<DescribedFile> {
  const { size, sha256 } = await fileSha256(join(folder, path));
  return { path, sha256, bytes: size };
}

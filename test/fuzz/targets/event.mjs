// @ts-nocheck: a plain script
/** Records of a topic as events: JSON alone, or with CloudEvents headers in front of an empty line. */
import { decodeEvent } from '../../../dist/events/cloudevents.js';
import { schemas } from '../../../dist/events/schemas.js';

import { mutateJson } from '../mutate-json.mjs';

export const isText = true;
const names = Object.keys(schemas);

const text = (headers, data) => Buffer.from(`${headers}\n\n${JSON.stringify(data)}`);
const headersOf = (type) =>
  `ce_specversion: 1.0\nce_id: a-1\nce_source: /shop\nce_type: dev.vimi.${type}.v1\nce_time: 2026-01-31T12:00:00Z`;

export const valid = () => [
  text('', { prompt: 'a fox runs' }),
  text('', {
    prompt: ['a fox', { image: { base64: 'iVBORw0KGgo=' }, role: 'subject' }],
    frames: 8,
    seed: 7,
    priority: 'batch',
    finish_by: '2026-01-31T12:00:00Z',
  }),
  text(headersOf('generation.requested'), {
    prompt: 'a fox runs',
    task: 'text-to-video',
    width: 64,
    height: 64,
    fps: 8,
    retrieval: { k: 3, mode: 'hybrid' },
  }),
  text(headersOf('generation.cancelled'), { cancel: 'a-1' }),
  text(headersOf('media.added'), { uri: 'media/fox.png', caption: 'a fox', source: 'zoo', licence: 'CC0-1.0' }),
  text(headersOf('job.changed'), {
    job: 'a-1-0',
    state: 'queued',
    request: { source: '/shop', id: 'a-1', record: 'requests-0-0@0' },
  }),
  text('content-type: application/cloudevents+json', {
    ...{
      specversion: '1.0',
      id: 'a',
      source: '/shop',
      type: 'dev.vimi.generation.requested.v1',
      data: { prompt: 'a fox' },
    },
  }),
];

/** No JSON object. */
export const isFirstCheck = ({ code }) => code === 'EVENT_MALFORMED';

/** The data of one under the headers of the other, changed as JSON. */
export function change(bytes, other, random) {
  const [headers = '', data] = (random() < 0.7 ? bytes : other).toString().split('\n\n');
  let value = {};
  try {
    value = JSON.parse(data);
  } catch {
    // Then what stands there is {}.
  }
  return Buffer.from(`${headers}\n\n${JSON.stringify(mutateJson(value, random))}`);
}

export function run(bytes, random) {
  const at = bytes.indexOf('\n\n');
  const lines = at < 0 ? [] : bytes.subarray(0, at).toString().split('\n');
  const headers = Object.fromEntries(
    lines.flatMap((line) => {
      const colon = line.indexOf(': ');
      return colon < 0 ? [] : [[line.slice(0, colon), Buffer.from(line.slice(colon + 2))]];
    }),
  );
  const value = at < 0 ? bytes : bytes.subarray(at + 2);
  const first = Math.floor(random() * names.length);
  const record = { topic: 'fuzz', partition: 0, offset: 1, key: null, timestamp: 0, headers, value };
  decodeEvent(record, random() < 0.5 ? names : [names[first], ...names.slice(0, 2)]);
  if (Object.prototype.polluted !== undefined || Object.keys(Object.prototype).length > 0)
    throw new Error('an event changed the prototype of all objects');
}

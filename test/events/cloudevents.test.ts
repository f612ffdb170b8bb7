import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VimiError } from '../../src/core/errors.js';
import { decodeEvent, encodeEvent, eventType } from '../../src/events/cloudevents.js';
import type { NewRecord, StoredRecord } from '../../src/events/record.js';
import type { SchemaName } from '../../src/events/schemas.js';

const onRequests: SchemaName[] = ['generation.requested', 'generation.cancelled'];
const arrived = Date.UTC(2026, 0, 31, 12);

function stored(value: string | Buffer | null, headers: Record<string, string | Buffer> = {}): StoredRecord {
  return {
    topic: 'requests',
    partition: 3,
    offset: 41,
    key: null,
    value: typeof value === 'string' ? Buffer.from(value) : value,
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text as string)])),
    timestamp: arrived,
  };
}

function landed(record: NewRecord): StoredRecord {
  return { ...record, partition: 0, offset: 7, timestamp: arrived };
}

function refusal(record: StoredRecord, accepted = onRequests): VimiError {
  try {
    decodeEvent(record, accepted);
  } catch (thrown) {
    if (thrown instanceof VimiError) return thrown;
    throw thrown;
  }
  throw new Error('it was accepted');
}

const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('a bare JSON object', () => {
  it('is a request whose id, source and time follow from its place', () => {
    expect(decodeEvent(stored('{"prompt":"a fox runs"}'), onRequests)).toEqual({
      id: 'requests-3-41',
      source: '/requests',
      type: 'dev.vimi.generation.requested.v1',
      schema: 'generation.requested',
      time: '2026-01-31T12:00:00.000Z',
      data: { prompt: 'a fox runs' },
    });
  });

  it('is a cancellation when it has the fields of one', () => {
    expect(decodeEvent(stored('{"cancel":"requests-3-40"}'), onRequests).schema).toBe('generation.cancelled');
    expect(refusal(stored('{"cancel":5}')).message).toContain('cancel: expected text, found 5');
  });

  it('is taken for the first schema of the topic when it fits none', () => {
    expect(refusal(stored('{}')).message).toContain(
      'Not a valid generation.requested: prompt: expected text or a list',
    );
  });

  it('keeps its headers apart from events: a trace is carried, foreign headers are passed over', () => {
    const event = decodeEvent(stored('{"prompt":"x"}', { traceparent: trace, 'x-team': 'blue' }), onRequests);
    expect(event.traceparent).toBe(trace);
    expect(event.id).toBe('requests-3-41');
  });

  it('may begin with a byte order mark', () => {
    expect(decodeEvent(stored('\ufeff{"prompt":"x"}'), onRequests).data).toEqual({ prompt: 'x' });
  });
});

describe('binary mode', () => {
  const headers = {
    ce_specversion: '1.0',
    ce_id: 'order 66/é',
    ce_source: 'https://shop.example/orders',
    ce_type: eventType('generation.requested'),
    ce_time: '2026-01-31T13:00:00.5+02:00',
    ce_subject: 'hero',
    'Content-Type': 'application/json; charset=utf-8',
  };

  it('takes every attribute from the headers, and the time in UTC', () => {
    expect(decodeEvent(stored('{"prompt":"x"}', headers), onRequests)).toMatchObject({
      id: 'order 66/é',
      source: 'https://shop.example/orders',
      subject: 'hero',
      time: '2026-01-31T11:00:00.500Z',
    });
  });

  it('names the accepted types when the type is another', () => {
    const error = refusal(stored('{"prompt":"x"}', { ...headers, ce_type: 'dev.vimi.media.added.v1' }));
    expect(error.code).toBe('EVENT_UNKNOWN_TYPE');
    expect(error.message).toContain('dev.vimi.generation.requested.v1 or dev.vimi.generation.cancelled.v1');
    expect(error.message).toContain('found "dev.vimi.media.added.v1" (requests/3/41)');
  });

  it.each([
    ['id', '', '1 to 512'],
    ['id', 'x'.repeat(513), '1 to 512'],
    ['id', 'a\u0000b', 'printable'],
    ['source', 'x'.repeat(1025), '1 to 1024'],
    ['specversion', '0.3', '1.0'],
    ['time', 'yesterday', 'a moment such as'],
    ['time', '2026-13-01T00:00:00Z', 'a moment such as'],
  ])('refuses the attribute %s = %j', (name, text, expected) => {
    const error = refusal(stored('{"prompt":"x"}', { ...headers, [`ce_${name}`]: text }));
    expect(error.code).toBe('EVENT_INVALID');
    expect(error.message).toContain(`ce_${name}: expected`);
    expect(error.message).toContain(expected);
  });

  it('refuses a header that is not UTF-8, and says which', () => {
    const error = refusal(stored('{"prompt":"x"}', { ce_id: Buffer.from([0xc3, 0x28]) }));
    expect(error.code).toBe('EVENT_MALFORMED');
    expect(error.message).toContain('header ce_id');
  });

  it('leaves a trace out that nobody could follow', () => {
    expect(decodeEvent(stored('{"prompt":"x"}', { traceparent: 'nonsense' }), onRequests)).not.toHaveProperty(
      'traceparent',
    );
  });
});

describe('structured mode', () => {
  const headers = { 'content-type': 'application/cloudevents+json; charset=UTF-8' };
  const event = {
    specversion: '1.0',
    id: 'a-1',
    source: '/tests',
    type: eventType('generation.requested'),
    time: '2026-01-31T12:00:00Z',
    traceparent: trace,
    data: { prompt: 'x', mood: 'calm' },
  };

  it('takes the attributes and the data from the value', () => {
    expect(decodeEvent(stored(JSON.stringify(event), headers), onRequests)).toMatchObject({
      id: 'a-1',
      source: '/tests',
      traceparent: trace,
      data: { prompt: 'x', mood: 'calm' },
    });
  });

  it('refuses an id that is no text and data that are missing, both at once', () => {
    const error = refusal(stored(JSON.stringify({ ...event, id: 5, data: undefined }), headers));
    expect(error.code).toBe('EVENT_INVALID');
    expect(error.message).toContain('ce_id: expected 1 to 512 printable characters, found 5');
    expect(error.message).toContain('the value: expected an object, found nothing');
  });

  it('names a field that is misspelt beside the one that is missing', () => {
    const misspelt = (data: object) => refusal(stored(JSON.stringify({ ...event, data }), headers)).message;
    expect(misspelt({ promt: 'x', mood: 'calm' })).toContain("found nothing, but 'promt'");
    expect(misspelt({ mood: 'calm' })).toMatch(/prompt: expected .*, found nothing \(/m);
    expect(misspelt({ 'pro\u001bmpt': 'x' })).toContain("but 'pro\\u001bmpt'");
  });

  it('refuses a type that is no text', () => {
    expect(refusal(stored(JSON.stringify({ ...event, type: ['x'] }), headers)).code).toBe('EVENT_UNKNOWN_TYPE');
  });
});

describe('what clients differ in', () => {
  const whole = {
    ...{ specversion: '1.0', id: 'a-1', source: '/tests', type: eventType('generation.requested') },
    data: { prompt: 'a fox' },
  };
  const structured = { 'content-type': 'application/cloudevents+json' };
  const asked = (value: unknown, headers: Record<string, string> = {}) =>
    decodeEvent(stored(typeof value === 'string' ? value : JSON.stringify(value), headers), onRequests);
  const fox = { id: 'a-1', source: '/tests', data: { prompt: 'a fox' } };
  const { data: _, ...attributes } = whole;
  const packed = Buffer.from('{"prompt":"a fox"}').toString('base64');

  it('data as base64, as a JSON text, or the whole event without a header that says so [streams F21] [streams F20]', () => {
    const json = 'application/json';
    expect(asked({ ...attributes, datacontenttype: json, data_base64: packed }, structured)).toMatchObject(fox);
    expect(asked({ ...attributes, data_base64: packed.replace(/=+$/, '') })).toMatchObject(fox);
    expect(asked({ ...attributes, data: '{"prompt":"a fox"}' }, structured)).toMatchObject(fox);
    expect(asked(whole)).toMatchObject(fox);
    expect(asked(whole, { 'content-type': json })).toMatchObject(fox);
    expect(asked({ ...whole, time: null, subject: null, traceparent: null }, structured)).toMatchObject(fox);
    // Headers of an event come before a value that only looks like one.
    expect(refusal(stored(JSON.stringify(whole), { ce_id: 'b', ce_type: whole.type })).message).toContain('prompt:');
  });

  it('base64 that is none is told as that [streams F21]', () => {
    const error = refusal(stored(JSON.stringify({ ...attributes, data_base64: 'no base64!' }), structured));
    expect([error.code, error.message]).toEqual([
      'EVENT_MALFORMED',
      'data_base64 of this event cannot be read: expected base64 of a JSON object, found "no base64!" (requests/3/41)',
    ]);
    const inner = refusal(stored(JSON.stringify({ ...attributes, data_base64: 'AAEC' }), structured));
    expect([inner.code, inner.where]).toEqual(['EVENT_MALFORMED', 'requests/3/41, data_base64']);
  });

  it('names of headers, quotes in them, and empty ones [streams F24]', () => {
    const data = '{"prompt":"a fox"}';
    expect(asked(data, { 'ce-id': 'a-1', 'Ce-Source': '/tests', 'ce-type': whole.type })).toMatchObject(fox);
    expect(asked(data, { ce_id: 'a-1', ce_source: '/tests', ce_type: '', ce_time: '', ce_subject: '' })).toMatchObject(
      fox,
    );
    expect(asked(whole, { contentType: '"application/cloudevents+json"' })).toMatchObject(fox);
    const batch = refusal(stored(`{"a":[]}`, { 'content-type': 'application/cloudevents-batch+json' }));
    expect(batch.message).toContain('expected application/cloudevents+json, found application/cloudevents-batch+json');
  });

  it('the number of a schema before the value [streams F20]', () => {
    const value = Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), Buffer.from('{"prompt":"a fox"}')]);
    expect(decodeEvent(stored(value), onRequests).data).toEqual({ prompt: 'a fox' });
    expect(refusal(stored(Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), Buffer.from([2, 4])]))).code).toBe(
      'EVENT_MALFORMED',
    );
  });

  it.each([
    ['+02:00', '2026-01-31T13:00:00+02:00'],
    ['microseconds of Python', '2026-01-31T11:00:00.000000+00:00'],
    ['Z', '2026-01-31T11:00:00Z'],
  ])('a deadline with %s [streams F22]', (_name, moment) => {
    const data = asked({ prompt: 'a fox', start_by: moment, finish_by: moment }).data as Record<string, string>;
    for (const name of ['start_by', 'finish_by']) expect(Date.parse(data[name]!)).toBe(Date.UTC(2026, 0, 31, 11));
  });

  it('a deadline without an offset is refused: nobody knows when it is [streams F22]', () => {
    for (const name of ['start_by', 'finish_by'])
      expect(refusal(stored(`{"prompt":"a fox","${name}":"2026-01-31T11:00:00"}`)).message).toContain(
        `${name}: expected`,
      );
  });

  it.each([
    ['a space for the T', '2026-01-31 11:00:00Z', '2026-01-31T11:00:00.000Z'],
    ['a leap second', '2016-12-31T23:59:60Z', '2016-12-31T23:59:59.000Z'],
    ['ten places of a second', '2026-01-31T11:00:00.1234567891Z', '2026-01-31T11:00:00.123Z'],
  ])('a time with %s [streams F24]', (_name, time, read) => {
    expect(asked('{"prompt":"a fox"}', { ce_time: time }).time).toBe(read);
  });

  it('null counts as left out wherever a field may be left out [streams F22]', () => {
    const all = [
      'task',
      'frames',
      'width',
      'height',
      'fps',
      'steps',
      'guidance',
      'seed',
      'retrieval',
      'priority',
      'start_by',
      'finish_by',
    ];
    const data = asked({ prompt: 'a fox', ...Object.fromEntries(all.map((name) => [name, null])) }).data;
    expect(JSON.parse(JSON.stringify(data))).toEqual({ prompt: 'a fox' });
    const inner = asked({
      prompt: [{ text: 'it', image: null }],
      guidance: { text: 2, image: null },
      retrieval: { k: null },
    });
    expect(JSON.parse(JSON.stringify(inner.data))).toEqual({
      prompt: [{ text: 'it' }],
      guidance: { text: 2 },
      retrieval: {},
    });
    expect(refusal(stored('{"prompt":null}')).code).toBe('EVENT_INVALID');
    const media = decodeEvent(stored('{"uri":"a.jpg","caption":null,"source":null,"licence":null}'), ['media.added']);
    expect(JSON.parse(JSON.stringify(media.data))).toEqual({ uri: 'a.jpg' });
  });

  it('characters are those of Unicode, not halves of pairs [streams F22]', () => {
    const foxes = (count: number) => '🦊'.repeat(count);
    expect(asked('{"prompt":"a fox"}', { ce_id: foxes(512) }).id).toBe(foxes(512));
    expect(refusal(stored('{"prompt":"a fox"}', { ce_id: foxes(513) })).code).toBe('EVENT_INVALID');
    const captioned = (count: number) => stored(JSON.stringify({ uri: 'a.jpg', caption: foxes(count) }));
    expect(decodeEvent(captioned(4000), ['media.added']).schema).toBe('media.added');
    expect(refusal(captioned(4001), ['media.added']).message).toContain('caption: expected 1 to 4000 characters');
  });

  it('half a surrogate pair becomes the replacement character, at any depth', () => {
    const data = asked('{"prompt":"a \\ud83d fox","more":[{"x":"\\udc00"}]}').data;
    expect(data).toEqual({ prompt: 'a \ufffd fox', more: [{ x: '\ufffd' }] });
  });

  it('a part of a prompt is text or an image, never both [safety S6]', () => {
    for (const text of [5, 'x'.repeat(3_600_000 / 1000)]) {
      const error = refusal(stored(JSON.stringify({ prompt: [{ image: { uri: 'a.png' }, text }, { text: 'a fox' }] })));
      expect(error.code).toBe('EVENT_INVALID');
      expect(error.message).toContain('prompt.0: expected either text, an image or a clip, found an object');
    }
  });
});

describe('a hostile value', () => {
  it.each([
    ['no value', null, 'expected a JSON object'],
    ['nothing', '', 'found nothing'],
    ['cut JSON', '{"prompt":"a fo', 'expected JSON'],
    ['a list', '[1]', 'expected a JSON object, found a list'],
    ['a number', '7', 'expected a JSON object, found 7'],
    ['null', 'null', 'expected a JSON object'],
    ['bad UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'expected UTF-8'],
    ['65 levels', `{"prompt":"x","a":${'['.repeat(64)}${']'.repeat(64)}}`, 'at most 64 levels'],
    ['a million levels', `{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`, ''],
    ['an infinite number', '{"prompt":"x","a":1e999}', 'numbers below'],
  ])('%s is malformed', (_name, value, expected) => {
    const error = refusal(stored(value));
    expect(error.code).toBe('EVENT_MALFORMED');
    expect(error.message).toContain(expected);
    expect(error.where).toBe('requests/3/41');
    expect(error.message.length).toBeLessThan(1000);
  });

  it('is too large over 4 MiB, and over 100,000 values', () => {
    const most = 4 * 1024 * 1024;
    const padded = (bytes: number) => `{"prompt":"x","pad":"${'p'.repeat(bytes - 23)}"}`;
    expect(decodeEvent(stored(padded(most)), onRequests).schema).toBe('generation.requested');
    expect(refusal(stored(padded(most + 1))).code).toBe('EVENT_TOO_LARGE');
    expect(refusal(stored(`{"prompt":"x","a":[${'1,'.repeat(100_000)}1]}`)).code).toBe('EVENT_TOO_LARGE');
  });

  it('cannot reach a prototype, at any depth', () => {
    const text = '{"prompt":"x","__proto__":{"polluted":1},"a":[{"__proto__":{"polluted":2},"constructor":3}]}';
    const data = decodeEvent(stored(text), onRequests).data as { a: object[]; polluted?: number };
    expect(JSON.stringify(data)).toBe('{"prompt":"x","a":[{"constructor":3}]}');
    expect(data.polluted).toBeUndefined();
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it('has everything that is wrong told at once, with its place', () => {
    const error = refusal(
      stored(
        '{"prompt":[{"text":5},{"image":{"uri":""}}],"frames":10.5,"width":4,"task":"dance","retrieval":{"k":99}}',
      ),
    );
    expect(error.code).toBe('EVENT_INVALID');
    expect(error.message).toBe(
      'Not a valid generation.requested: prompt.0.text: expected text, found 5; ' +
        'prompt.1.image.uri: expected 1 to 4096 characters, found ""; ' +
        'task: expected "text-to-video" or "subject-driven" or "prediction", found "dance"; ' +
        'frames: expected a whole number, found 10.5; width: expected at least 8, found 4; ' +
        'retrieval.k: expected at most 16, found 99 (requests/3/41)',
    );
  });

  it('names documents by their ids: each once, and none both pinned and excluded', () => {
    const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];
    const ids = Array.from({ length: 17 }, (_, n) => n.toString(16).padStart(64, '0'));
    const of = (retrieval: object) => stored(JSON.stringify({ prompt: 'x', retrieval }));
    for (const good of [{ pin: [a, b] }, { pin: ids.slice(1), exclude: [a] }, { pin: null, exclude: [] }])
      expect(decodeEvent(of(good), onRequests).schema).toBe('generation.requested');
    for (const [bad, said] of [
      [{ pin: [a], exclude: [b, a] }, 'retrieval.exclude.1: expected a document that is not pinned, found "aaaa'],
      [{ pin: [a, b, a] }, 'retrieval.pin: expected each document once, found'],
      [{ exclude: [b, b] }, 'retrieval.exclude: expected each document once, found'],
      [{ pin: ids }, 'retrieval.pin: expected at most 16'],
      [{ exclude: ids }, 'retrieval.exclude: expected at most 16'],
      [{ pin: ['A'.repeat(64)] }, 'retrieval.pin.0: expected'],
      [{ pin: ['../../etc/passwd'] }, 'retrieval.pin.0: expected'],
      [{ pin: a }, 'retrieval.pin: expected'],
      [{ pin: [null] }, 'retrieval.pin.0: expected'],
      [{ pins: [a] }, 'retrieval.pins: unknown, expected'],
    ] as const) {
      const error = refusal(of(bad));
      expect([error.code, error.message]).toEqual(['EVENT_INVALID', expect.stringContaining(said)]);
    }
  });

  it('filters by licences and by limits of scores, of which some value keeps each', () => {
    const of = (filter: unknown) => stored(JSON.stringify({ prompt: 'x', retrieval: { filter } }));
    const scores = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`score ${n}`, { min: 0 }]));
    for (const good of [
      ...[null, {}, { licences: null, scores: null }, { licences: ['CC0-1.0', 'MIT'] }],
      ...[{ scores: { nsfw: { max: 0.1 }, sharpness: { min: 0.3, max: 0.3 } } }, { scores: scores(16) }],
    ])
      expect(decodeEvent(of(good), onRequests).schema).toBe('generation.requested');
    for (const [bad, said] of [
      [{ licences: [] }, 'licences: expected at least 1'],
      [{ licences: [''] }, 'licences.0: expected 1 to 128 characters'],
      [{ licences: 'MIT' }, 'licences: expected'],
      [{ license: ['MIT'] }, 'license: unknown, expected'],
      [{ scores: { nsfw: {} } }, 'scores.nsfw: expected min, max or both'],
      [{ scores: { nsfw: { min: 0.2, max: 0.1 } } }, 'scores.nsfw: expected a min of at most max'],
      [{ scores: { nsfw: { most: 1 } } }, 'scores.nsfw.most: unknown, expected'],
      [{ scores: { nsfw: 0.1 } }, 'scores.nsfw: expected'],
      [{ scores: scores(17) }, 'scores: expected at most 16 scores'],
      [[], 'filter: expected'],
    ] as const) {
      const error = refusal(of(bad));
      expect([error.code, error.message]).toEqual(['EVENT_INVALID', expect.stringContaining(said)]);
      expect(error.message).toContain('retrieval.filter');
    }
  });

  it('cannot speak to the terminal of whoever reads the message', () => {
    const values = [
      '\u001b[2J',
      '"\\u001b[2J"',
      '{"prompt":"\\u001b[2J","task":"\\u001b[2J","retrieval":{"\\u001b[2J\\n":1}}',
    ];
    const records = [
      ...values.map((value) => stored(value)),
      stored('{"prompt":"x"}', { ce_type: '\u001b[2J' }),
      stored('{"prompt":"x"}', { ce_id: '\u001b[2J' }),
    ];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
    for (const record of records) expect(refusal(record).message).not.toMatch(/[\u0000-\u001f]/);
  });

  it('never makes a message long', () => {
    const key = 'k'.repeat(100_000);
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`${key.slice(0, 500)}${index}`, 1]));
    const error = refusal(stored(JSON.stringify({ prompt: 'x'.repeat(200_000), retrieval: { [key]: 1, ...many } })));
    expect(error.code).toBe('EVENT_INVALID');
    expect(error.message).toContain('and 481 more');
    expect(error.message.length).toBeLessThan(8000);
  });

  it('gets a VimiError whatever its bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.json(), (bytes, json) => {
        for (const value of [Buffer.from(bytes), Buffer.from(json)])
          try {
            decodeEvent(stored(value), onRequests);
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(VimiError);
          }
      }),
    );
  });
});

describe('encode, then decode', () => {
  const printable = (maxLength: number) =>
    fc.string({ minLength: 1, maxLength, unit: 'grapheme' }).filter((text) => text.length <= maxLength);
  const request = fc.record(
    {
      prompt: fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.record({ text: fc.string() }), { maxLength: 32 })),
      frames: fc.integer({ min: 1, max: 1024 }),
      fps: fc.double({ min: 0.001, max: 240, noNaN: true }),
      seed: fc.integer({ min: 0, max: 0xffffffff }),
      note: fc.jsonValue({ maxDepth: 5 }).filter((value) => !JSON.stringify(value).includes('__proto__')),
    },
    { requiredKeys: ['prompt'] },
  );

  it('gives the same event, unknown fields included', () => {
    fc.assert(
      fc.property(
        request,
        printable(512),
        printable(1024),
        fc.option(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') }), { nil: undefined }),
        fc.option(printable(100), { nil: undefined }),
        (data, id, source, date, subject) => {
          const time = date?.toISOString();
          const record = encodeEvent({
            schema: 'generation.requested',
            id,
            source,
            data,
            topic: 'requests',
            key: id,
            time,
            subject,
            traceparent: trace,
          });
          const event = decodeEvent(landed(record), onRequests);
          expect(event).toEqual({
            id,
            source,
            type: 'dev.vimi.generation.requested.v1',
            schema: 'generation.requested',
            time: time ?? '2026-01-31T12:00:00.000Z',
            ...(subject !== undefined && { subject }),
            traceparent: trace,
            data: JSON.parse(JSON.stringify(data)),
          });
          const again = encodeEvent({
            ...event,
            schema: 'generation.requested',
            data,
            topic: 'requests',
            key: id,
            time,
          });
          expect(again).toEqual(record);
        },
      ),
    );
  });

  it('refuses to write what no reader would take', () => {
    const event = { schema: 'job.changed', source: '/jobs', topic: 'jobs', key: null } as const;
    expect(() => encodeEvent({ ...event, id: '', data: { job: 'a', state: 'queued' } })).toThrow(/ce_id/);
    expect(() => encodeEvent({ ...event, id: 'a', data: { job: 'a', state: 'lost' as 'queued' } })).toThrow(
      /state: expected "queued" or .* \(for topic jobs\)/,
    );
  });

  it('lets a reject carry bytes that were too large for an event', () => {
    const record = encodeEvent({
      schema: 'event.rejected',
      id: 'requests-3-41',
      source: '/pipelines/generate',
      topic: 'rejects',
      key: null,
      data: {
        origin: {
          topic: 'requests',
          partition: 3,
          offset: 41,
          key: null,
          value: Buffer.alloc(6_000_000, 'x').toString('base64'),
          headers: {},
          timestamp: '2026-01-31T12:00:00.000Z',
        },
        part: '',
        pipeline: 'generate',
        step: 'decode',
        attempts: 1,
        error: { code: 'EVENT_TOO_LARGE', message: 'm', remedy: 'r' },
      },
    });
    expect(decodeEvent(landed(record), ['event.rejected']).schema).toBe('event.rejected');
  });
});

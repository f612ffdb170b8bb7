import { expect, it } from 'vitest';
import { catalogue } from '../../src/events/catalogue.js';
import type { SchemaName } from '../../src/events/schemas.js';
import { firstField, firstFlow } from '../../src/flow/first-flow.js';
import { flowShapes } from '../../src/flow/flow-shapes.js';

it('is the data of the event, in the field that the catalogue names', () => {
  const event = { ...{ id: '1', source: '/test', type: '', time: '1970-01-01T00:00:00.000Z' }, data: { uri: 'a.png' } };
  expect(firstFlow({ ...event, schema: 'media.added' })).toEqual({ media: { uri: 'a.png' } });
  expect(firstFlow({ ...event, schema: 'video.completed' })).toEqual({});
});

it('fits the steps: each event that the catalogue gives a field is of the form that steps expect in it', () => {
  const withField = (Object.keys(catalogue) as SchemaName[]).filter((schema) => firstField(schema));
  expect(withField).toEqual(['generation.requested', 'media.added']);
  for (const schema of withField) flowShapes[firstField(schema)!].parse(catalogue[schema].example);
});

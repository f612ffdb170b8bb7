import { describe, it } from 'node:test';
import { operatorContract } from 'vimi/testing';
import requireLicence from './require-licence.mjs';

const file = { path: '/nowhere', size: 1, sha256: '0'.repeat(64), identity: '', uri: 'a.png', source: 'a.png' };

describe('require-licence keeps the contract of operators', () => {
  const cases = operatorContract(requireLicence, {
    good: () => ({ file: { ...file, licence: 'CC0-1.0' } }),
    bad: () => ({ flow: { file: { ...file, licence: 'all rights reserved' } }, code: 'MEDIA_FORBIDDEN' }),
  });
  for (const { name, check } of cases) it(name, check);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { persist } from '../../../../src/stores/objects/s3/persist.js';
import { thrownBy } from '../../../operators/run-operator.js';

const trouble = (code: string, name = 'Error') => Object.assign(new Error(`said ${code}`), { code, name });

/** A clock on which only waiting takes time. */
function clock(random = () => 0.5) {
  const waits: number[] = [];
  let time = 0;
  return {
    waits,
    sleep: async (ms: number) => {
      waits.push(ms);
      time += ms;
    },
    now: () => time,
    random,
  };
}

function failing(times: number, error: Error) {
  let calls = 0;
  return async () => {
    if (calls++ < times) throw error;
    return calls;
  };
}

describe('persist', () => {
  it('gives what succeeds at once without waiting', async () => {
    const { waits, ...patience } = clock();
    expect(await persist('a', failing(0, trouble('')), { patienceMs: 1000, ...patience })).toBe(1);
    expect(waits).toEqual([]);
  });

  it.each(['ECONNRESET', 'ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT', 'EPIPE', 'EAI_AGAIN'])(
    'waits %s out',
    async (code) => {
      expect(await persist('a', failing(4, trouble(code)), { patienceMs: 60_000, ...clock() })).toBe(5);
    },
  );

  it.each([
    'SlowDown',
    'InternalError',
    'ServiceUnavailable',
    'RequestTimeout',
    'InsufficientStorage',
    'QuotaExceeded',
  ])('waits the answer %s out', async (code) => {
    expect(await persist('a', failing(2, trouble(code, 'S3Error')), { patienceMs: 60_000, ...clock() })).toBe(3);
  });

  it.each([
    [trouble('AccessDenied', 'S3Error'), 'STORAGE_DENIED'],
    [trouble('NoSuchBucket', 'S3Error'), 'BUCKET_NOT_FOUND'],
    [trouble('NoSuchKey', 'S3Error'), 'OBJECT_NOT_FOUND'],
    [trouble('CERT_HAS_EXPIRED'), 'STORAGE_UNAVAILABLE'],
    [trouble('ExpiredToken', 'S3Error'), 'STORAGE_DENIED'],
    [trouble('KeyTooLongError', 'S3Error'), 'STORAGE_REFUSED'],
    [trouble('ENOSPC'), 'STORAGE_FULL'],
    [new TypeError('a defect'), 'INTERNAL'],
  ])('does not wait for %s', async (error, code) => {
    const { waits, ...patience } = clock();
    expect((await thrownBy(() => persist('a', failing(1, error), { patienceMs: 60_000, ...patience }))).code).toBe(
      code,
    );
    expect(waits).toEqual([]);
  });

  it('gives up when trouble lasts, and says where', async () => {
    const { waits, ...patience } = clock();
    const error = await thrownBy(() =>
      persist('videos/a.mp4', failing(Number.POSITIVE_INFINITY, trouble('ECONNREFUSED')), {
        patienceMs: 60_000,
        ...patience,
      }),
    );
    expect(error).toMatchObject({ code: 'STORAGE_UNAVAILABLE', where: 'videos/a.mp4' });
    const waited = waits.reduce((sum, ms) => sum + ms, 0);
    expect(waited).toBeCloseTo(60_000, 3);
  });

  it('waits longer each time, never over 5 s, and differently in each process', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), async (drawn) => {
        const { waits, ...patience } = clock(() => drawn);
        await persist('a', failing(12, trouble('ECONNRESET')), { patienceMs: 600_000, ...patience });
        expect(waits).toHaveLength(12);
        waits.forEach((wait, n) => {
          const most = Math.min(5000, 100 * 2 ** n);
          expect(wait).toBeGreaterThanOrEqual(most / 2);
          expect(wait).toBeLessThanOrEqual(most);
        });
      }),
    );
  });
});

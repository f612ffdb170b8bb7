import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { VimiError } from '../../../core/errors.js';

/** Passes bytes on and fails at their end, OBJECT_DAMAGED, unless they are as many and the ones that were announced. */
export function verified(key: string, { size, sha256 }: { size?: number; sha256?: string }): Transform {
  const hash = createHash('sha256');
  let length = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      length += chunk.length;
      done(null, chunk);
    },
    flush(done) {
      const found = hash.digest('hex');
      if (size !== undefined && length !== size)
        done(damaged(key, { expected: `${size} bytes`, found: `${length} bytes` }));
      else if (sha256 !== undefined && found !== sha256) done(damaged(key, { expected: sha256, found }));
      else done();
    },
  });
}

export function damaged(key: string, facts: { expected: string; found: string }): VimiError {
  return new VimiError('OBJECT_DAMAGED', 'An object differs from what was stored', { ...facts, where: key });
}

import { defineOperator, z } from 'vimi';

/*
 * An operator of one's own: lets only media through whose licence is on a list.
 *
 *   steps:
 *     - fetch
 *     - use: ./require-licence.mjs
 *       with: { allow: [CC0-1.0, CC-BY-4.0] }
 *
 * In      file: its licence, as the media event gave it
 * Out     the same
 * Drops   nothing
 * Fails   MEDIA_FORBIDDEN for any other licence; the event goes to the rejects, with its own bytes
 * Memory  nothing
 */
export default defineOperator(
  {
    name: 'require-licence',
    summary: 'Lets only media of listed licences through.',
    contract: {
      in: 'file: its licence.',
      out: 'The same.',
      fails: 'MEDIA_FORBIDDEN for a licence that is not on the list.',
      memory: 'Nothing.',
    },
    config: z.strictObject({
      allow: z.array(z.string()).default(['CC0-1.0']).describe('SPDX identifiers.'),
    }),
    example: '- require-licence: { allow: [CC0-1.0] }',
    needs: ['file'],
    adds: [],
  },
  {
    concurrency: 8,
    process({ file }, { config: { allow }, error }) {
      if (allow.includes(file.licence)) return {};
      throw error('MEDIA_FORBIDDEN', 'Media of this licence may not be used', {
        expected: allow.join(' or '),
        found: file.licence,
        where: file.uri,
      });
    },
  },
);

import { describe, expect, it } from 'vitest';
import { translate } from '../../../../src/stores/objects/s3/failures.js';

/** As the client makes it of a server's answer. */
const answer = (code: string, message: string, more = {}) =>
  Object.assign(new Error(message), { name: 'S3Error', code, ...more });

describe('what an S3 server refuses', () => {
  it.each([
    [
      'AuthorizationHeaderMalformed',
      'The authorization header is malformed; the region &#34;eu-central-1&#34; is wrong; expecting &#34;us-east-1&#34;',
      {},
      'us-east-1',
    ],
    [
      'AuthorizationHeaderMalformed',
      "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-3'",
      { region: 'eu-west-3' },
      'eu-west-3',
    ],
    [
      'PermanentRedirect',
      'The bucket must be addressed by its endpoint',
      { amzBucketRegion: 'ap-south-1' },
      'ap-south-1',
    ],
    ['MovedPermanently', 'Moved Permanently', { amzBucketRegion: 'sa-east-1' }, 'sa-east-1'],
    ['IllegalLocationConstraintException', 'The us-east-2 location constraint is incompatible', {}, undefined],
    ['AuthorizationHeaderMalformed', 'the region is wrong; expecting \u001b[2J', { region: '\u001b[2J' }, undefined],
  ])(
    '[streams F25] %s is told as the wrong region, with the right one when it is known',
    (code, message, more, region) => {
      const error = translate(answer(code, message, more), 'vimi');
      expect(error.message).toContain('another region than the profile says');
      expect(error.message).not.toMatch(/&#?\w+;/);
      expect(error.remedy).toContain(region ? `region: ${region} in` : 'Set the region of the bucket');
      expect(error.remedy).not.toMatch(/\p{Cc}/u);
    },
  );

  it('[streams F25] a header that is malformed for another reason is no wrong region', () => {
    const error = translate(answer('AuthorizationHeaderMalformed', 'a comma is missing'), 'vimi');
    expect(error).toMatchObject({ code: 'STORAGE_DENIED', remedy: expect.stringContaining('Check the keys') });
  });

  it.each([
    ['InvalidAccessKeyId', 'Check access_key'],
    ['SignatureDoesNotMatch', 'Check secret_key'],
    ['InvalidBucketName', 'Check the name of the bucket'],
    ['AccessDenied', 'Check the keys of the object store and their rights'],
    ['constructor', 'Check the keys'],
  ])('[kind 11] %s says which setting to look at', (code, remedy) => {
    expect(translate(answer(code, 'no'), 'vimi')).toMatchObject({
      code: 'STORAGE_DENIED',
      remedy: expect.stringContaining(remedy),
    });
  });

  it('[kind 11] a server without TLS is told as that', () => {
    const error = Object.assign(new Error('ssl3_get_record:wrong version number'), { code: 'EPROTO' });
    expect(translate(error, 'vimi').remedy).toContain('without TLS: write the endpoint with http://');
  });

  it.each([
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate', 'tls: { ca: PATH }'],
    ['ECONNRESET', 'socket hang up', 'write the endpoint with https://'],
    ['ECONNREFUSED', 'connect ECONNREFUSED', 'can be reached'],
  ])('[kind 11] %s says which setting to look at', (code, message, remedy) => {
    expect(translate(Object.assign(new Error(message), { code }), 'vimi')).toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      remedy: expect.stringContaining(remedy),
    });
  });

  it('[kind 11] shows the entities of an answer as what they mean', () => {
    expect(
      translate(answer('AccessDenied', '&lt;a&gt; &amp;amp; &#x27;b&#39; &#0; &#99999999;'), 'v').message,
    ).toContain("<a> &amp; 'b' &#0; &#99999999;");
  });
});

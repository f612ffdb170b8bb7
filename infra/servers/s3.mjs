// An S3 server: versitygw over a folder, built by Go. The folder's file system must keep extended attributes.
//
// It listens twice, plain and with TLS, over the same folder.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'minio';
import { certificate } from './certificate.mjs';
import { execute, installed, need } from './install.mjs';
import { data, freePort, remembered } from './places.mjs';
import { running, start, stop, untilHealthy } from './process.mjs';

const version = 'v1.8.0';
const folder = join(data, 's3');
const settings = remembered('s3', {
  port: freePort,
  securePort: freePort,
  accessKey: () => 'vimi',
  secretKey: () => randomBytes(20).toString('hex'),
  bucket: () => 'vimi',
});

export const s3 = {
  name: 's3',
  running: () => (running('s3') !== null && running('s3-tls') !== null ? running('s3') : null),
  async stop() {
    const stopped = [await stop('s3'), await stop('s3-tls')];
    return stopped.includes(true);
  },

  async start() {
    const program = installed(`versitygw-${version}`, (into) => {
      need('go', 'version', 'install Go, 1.25 or newer; it builds the S3 server, which takes some minutes once');
      execute(
        'go',
        ['install', '-trimpath', '-ldflags=-s -w', `github.com/versity/versitygw/cmd/versitygw@${version}`],
        {
          env: { ...process.env, GOBIN: into, GOFLAGS: '' },
        },
      );
    });
    const known = await settings.complete();
    mkdirSync(folder, { recursive: true });
    const { key, cert } = certificate();
    const listen = (name, port, tls) => {
      if (running(name) !== null) return;
      start(
        name,
        join(program, 'versitygw'),
        ['--port', `127.0.0.1:${port}`, ...tls, '--health', '/health', 'posix', folder],
        {
          // Keys by the environment: a command line can be read by everybody.
          env: {
            PATH: process.env.PATH,
            ROOT_ACCESS_KEY: known.accessKey,
            ROOT_SECRET_KEY: known.secretKey,
            GOMEMLIMIT: '256MiB',
          },
        },
      );
    };
    listen('s3', known.port, []);
    listen('s3-tls', known.securePort, ['--cert', cert, '--key', key]);
    await untilHealthy('s3', healthy);
    if (!existsSync(join(folder, known.bucket))) await client().makeBucket(known.bucket);
  },

  environment() {
    const { port, securePort, accessKey, secretKey, bucket } = settings.known;
    return {
      S3_ENDPOINT: `http://127.0.0.1:${port}`,
      S3_SECURE_ENDPOINT: `https://127.0.0.1:${securePort}`,
      S3_ACCESS_KEY: accessKey,
      S3_SECRET_KEY: secretKey,
      S3_BUCKET: bucket,
    };
  },
};

function client() {
  const { port, accessKey, secretKey } = settings.known;
  return new Client({ endPoint: '127.0.0.1', port, useSSL: false, accessKey, secretKey, region: 'us-east-1' });
}

/** A server that knows the keys, not only one that listens. */
async function healthy() {
  return client()
    .listBuckets()
    .then(() => true)
    .catch(() => false);
}

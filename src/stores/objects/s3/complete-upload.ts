import type { Client } from 'minio';

export interface Part {
  part: number;
  etag: string;
}

const mostText = 64 * 1024;

/**
 * Ends an upload in parts. The client's own call takes no headers, so no condition, and does not understand a failure
 * that comes after the status 200: a server begins to answer before it has put a large object together.
 */
export async function completeUpload(
  client: Client,
  { bucket, name, upload, parts, headers }: UploadToComplete,
): Promise<void> {
  const list = parts
    .map(({ part, etag }) => `<Part><PartNumber>${part}</PartNumber><ETag>${escaped(etag)}</ETag></Part>`)
    .join('');
  const response = await client.makeRequestAsync(
    {
      method: 'POST',
      bucketName: bucket,
      objectName: name,
      query: `uploadId=${encodeURIComponent(upload)}`,
      headers: { ...headers },
    },
    `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${list}</CompleteMultipartUpload>`,
  );
  let text = '';
  for await (const chunk of response) if (text.length < mostText) text += chunk;
  if (!/<Error[\s>]/.test(text)) return;
  const said = (tag: string) => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(text)?.[1] ?? '';
  throw Object.assign(new Error(said('Message')), { name: 'S3Error', code: said('Code') || 'InternalError' });
}

export interface UploadToComplete {
  bucket: string;
  name: string;
  upload: string;
  parts: Part[];
  headers: Record<string, string>;
}

function escaped(text: string): string {
  return text.replace(/[<>&]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

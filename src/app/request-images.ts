import { VimiError } from '../core/errors.js';
import type { ImageRole, ObjectRef } from '../events/prompt.js';
import { fetchBytes } from '../media/web/fetch-bytes.js';
import { createWebClient, type WebClient } from '../media/web/web-client.js';
import { storeImageBytes } from '../operators/requests/prompt-image.js';
import { type ImageBounds, longestOf } from '../operators/requests/query-of.js';
import { bytesOfDataUrl } from './data-url.js';
import type { Workspace } from './workspace.js';

/** A server has so long for an image. Milliseconds. */
const fetchMs = 20_000;
/** Of a frame that a model drew. */
const mostFrameBytes = 64 * 1024 * 1024;

/** Takes in images that come with a request, each as an object that the event can name. Each throws MEDIA_*. */
export class RequestImages {
  readonly #workspace: Workspace;
  readonly #client: WebClient;
  readonly bounds: ImageBounds;

  constructor(workspace: Workspace, bounds: ImageBounds) {
    this.#workspace = workspace;
    this.#client = createWebClient({ hosts: workspace.topology.mediaHosts });
    this.bounds = bounds;
  }

  /** PNG, JPEG or WebP, by its first bytes; kept as a small WebP. `where`: how the caller knows it. */
  async ofBytes(bytes: Buffer, where: string, role?: ImageRole): Promise<ObjectRef> {
    const { max_image_bytes: maxBytes, max_image_pixels: maxPixels } = this.bounds;
    const objects = await this.#workspace.objects();
    return storeImageBytes(bytes, where, { maxBytes, maxPixels, longest: longestOf(role) }, { objects });
  }

  /** `data:image/png;base64,...`: what it says of its type does not count. */
  async ofDataUrl(url: string, where: string, role?: ImageRole): Promise<ObjectRef> {
    return this.ofBytes(bytesOfDataUrl(url, where), where, role);
  }

  /** Of a host that media may be fetched from, and of no private address. */
  async ofAddress(
    address: string,
    where: string,
    { role, signal }: { role?: ImageRole; signal: AbortSignal },
  ): Promise<ObjectRef> {
    const maxBytes = this.bounds.max_image_bytes;
    const bytes = fetchBytes(this.#client, address, { maxBytes, maxMs: fetchMs, signal }).catch((thrown: unknown) => {
      if (!(thrown instanceof VimiError) || thrown.code !== 'SOURCE_UNREACHABLE') throw thrown;
      const { code, summary, expected, found } = thrown;
      // Nothing was published that could be replayed.
      const remedy = 'Send the request again when that server answers, or send the image itself.';
      throw new VimiError(code, summary, { expected, found, where, remedy, cause: thrown });
    });
    return this.ofBytes(await bytes, where, role);
  }

  /** A frame that lies beside a video, pixel for pixel. */
  async ofFrame({ key, sha256, media_type: mediaType }: ObjectRef): Promise<ObjectRef> {
    const objects = await this.#workspace.objects();
    const bytes = await objects.get(key, { maxBytes: mostFrameBytes });
    return objects.put(`images/${sha256}.webp`, bytes, { mediaType, sha256, byContent: true });
  }

  /** That of a document of the corpus. DOCUMENT_NOT_FOUND. */
  async ofDocument(id: string): Promise<ObjectRef> {
    const document = /^[0-9a-f]{64}$/.test(id) ? await (await this.#workspace.corpusIsCurrent()).get(id) : null;
    if (document) return document.image;
    throw new VimiError('DOCUMENT_NOT_FOUND', 'The corpus has no such document', { found: id });
  }
}

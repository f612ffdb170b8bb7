import type { Video } from '../videos/video.js';

/** What a webhook says of a job: as GET gives it, without what may be long. It stays far below 20 kB. */
export function toldJob({ prompt: _, context: __, unread_parts: ___, queue: ____, request, ...job }: Video): object {
  const error = job.error && { ...job.error, message: job.error.message.slice(0, 2000) };
  return { ...job, error, request: { source: request.source, id: request.id } };
}

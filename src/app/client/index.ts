/** What a program needs that asks for videos: `import { openClient } from 'vimi/client'`. */
export { type ErrorCode, VimiError } from '../../core/errors.js';
export type { Log } from '../../core/log.js';
export type { GenerationRequested, JobChanged, VideoCompleted } from '../../events/schemas.js';
export { type Client, type ClientOptions, openClient, type SubmitOptions } from './client.js';
export type { Job, WaitOptions } from './job.js';
export type { Video } from './videos.js';

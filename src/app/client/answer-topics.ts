import { VimiError } from '../../core/errors.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { stepTopic } from '../../streams/topology/step-topics.js';

/** Where a pipeline tells of its jobs and of their videos. USAGE where it does not. */
export function answerTopics(pipeline: PipelineSpec): { jobs: string; videos: string } {
  const jobs = stepTopic(pipeline, 'job.changed');
  const videos = pipeline.to.find((sink) => 'topic' in sink && sink.schema === 'video.completed');
  if (jobs !== undefined && videos && 'topic' in videos) return { jobs, videos: videos.topic };
  throw new VimiError('USAGE', `Pipeline '${pipeline.name}' does not tell of its videos`, {
    expected: 'a step with a topic of jobs, such as admit, and a sink of video.completed',
  });
}

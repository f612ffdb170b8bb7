import { setTimeout as pause } from 'node:timers/promises';
import { asVimiError } from '../../core/errors.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import type { Consumer, Transport } from '../../streams/transports/transport.js';
import { answerTopics } from '../client/answer-topics.js';
import { PartitionSender, type SenderAround } from './partition-sender.js';
import { ReceiverTurns } from './receiver-turns.js';

export interface WebhookSenderOptions extends Omit<SenderAround, 'turns'> {
  transport: Transport;
  pipeline: PipelineSpec;
}

/** Another process sends, or the log is away: asked again after so long. Milliseconds. */
const againMs = 5000;
const drainMs = 2000;

/**
 * Sends the webhooks of a pipeline's jobs, together with all other processes that do: each has its share of the partitions of
 * the jobs topic. With the embedded log one process has them all, and another takes over when it is gone.
 */
export function sendWebhooks({ transport, pipeline, ...around }: WebhookSenderOptions): { close(): Promise<void> } {
  const { jobs } = answerTopics(pipeline);
  const stopping = new AbortController();
  const { signal } = stopping;
  const turns = new ReceiverTurns();

  /** As long as this process is in the group. */
  async function once(): Promise<void> {
    const senders = new Map<number, PartitionSender>();
    const lost = new AbortController();
    let consumer: Consumer | undefined;
    try {
      consumer = await transport.consume({
        ...{ group: `${pipeline.group}-webhooks`, topics: [jobs], drainMs },
        onAssigned(partition) {
          senders.set(partition.partition, new PartitionSender(partition, { ...around, turns }));
        },
        async onRevoked({ partition }) {
          await senders.get(partition)?.stop();
          senders.delete(partition);
        },
        onError(error) {
          around.log.warn({ code: asVimiError(error).code, error: error.message }, 'Webhooks are not sent for now');
          lost.abort();
        },
      });
      await untilAborted(AbortSignal.any([signal, lost.signal]));
    } finally {
      await consumer?.close();
      await Promise.all([...senders.values()].map((sender) => sender.stop()));
    }
  }

  async function run(): Promise<void> {
    let told = '';
    while (!signal.aborted) {
      try {
        await once();
      } catch (thrown) {
        const { code, message } = asVimiError(thrown);
        // Somebody else sends them.
        if (code !== 'GROUP_BUSY' && code !== told && !signal.aborted)
          around.log.warn({ code, error: message }, 'Webhooks are not sent for now');
        told = code;
      }
      await pause(againMs, undefined, { signal }).catch(() => {});
    }
  }

  const running = run();
  return {
    async close() {
      stopping.abort();
      await running;
    },
  };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

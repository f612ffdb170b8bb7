import { transportContract } from '../streams/transports/transport-contract.js';
import { expelMembers, kafkaTransport } from './kafka-broker.js';

transportContract('Kafka', async () => ({
  open: async () => kafkaTransport(),
  usurp: async () => {
    const transport = kafkaTransport();
    return {
      ...transport,
      // What the coordinator does to members that it no longer hears from.
      consume: async (options) => {
        for (;;) {
          let isGiven = false;
          const onAssigned: typeof options.onAssigned = (partition) => {
            isGiven = true;
            options.onAssigned(partition);
          };
          await expelMembers(options.group);
          const consumer = await transport.consume({ ...options, onAssigned });
          if (isGiven) return consumer;
          // The old owner noticed, and was back before this one had joined.
          await consumer.close();
        }
      },
    };
  },
  // Topics and groups have names of their own, and the broker goes with the test run.
  remove: async () => undefined,
}));

import { transportContract } from '../streams/transport-contract.js';
import { expelMembers, kafkaTransport } from './kafka-broker.js';

transportContract('Kafka', async () => ({
  open: async () => kafkaTransport(),
  usurp: async () => {
    const transport = kafkaTransport();
    return {
      ...transport,
      // What the coordinator does to members that it no longer hears from.
      consume: async (options) => {
        await expelMembers(options.group);
        return transport.consume(options);
      },
    };
  },
  // Topics and groups have names of their own, and the broker goes with the test run.
  remove: async () => undefined,
}));

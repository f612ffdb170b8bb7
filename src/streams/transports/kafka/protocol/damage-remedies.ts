const skipping =
  'stop the group and set its position behind this place with kafka-consumer-groups.sh --reset-offsets, which gives up what is there';

/** What a person can do about LOG_DAMAGED over Kafka, by what was found. */
export const damageRemedies = {
  batch: `Let another replica lead the partition (kafka-reassign-partitions.sh); if all have the damage, ${skipping}.`,
  oldFormat: `Copy these records to a new topic with a client of today, or ${skipping}.`,
  answer: `Check that the broker is Kafka 2.4 or later, and what its own log says; if it is a record that is wrong, ${skipping}.`,
  beyondEnd:
    'Stop the group and reset its committed offsets with kafka-consumer-groups.sh --reset-offsets --to-earliest, or restore the topic.',
};

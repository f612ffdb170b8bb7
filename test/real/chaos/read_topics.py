"""Prints all committed records of topics, a JSON object a line: {"topic", "partition", "offset", "key", "value"}.

    KAFKA_BROKERS=127.0.0.1:9092 python read_topics.py TOPIC...

Of another make than what wrote them (librdkafka), so that both must agree on what is committed. Ends at the ends that the
topics have when it starts; the value is parsed, and null for a tombstone.
"""

import json
import os
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

consumer = Consumer(
    {
        "bootstrap.servers": os.environ["KAFKA_BROKERS"],
        "group.id": "chaos-reader",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
)
open_partitions = set()
for topic in sys.argv[1:]:
    metadata = consumer.list_topics(topic, timeout=30).topics[topic]
    if metadata.error is not None:
        raise KafkaException(metadata.error)
    open_partitions |= {(topic, partition) for partition in metadata.partitions}
consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in open_partitions])
while open_partitions:
    message = consumer.poll(60)
    if message is None:
        sys.exit(f"nothing came for a minute, and the ends were not reached: {sorted(open_partitions)}")
    if message.error():
        if message.error().code() != KafkaError._PARTITION_EOF:
            raise KafkaException(message.error())
        open_partitions.discard((message.topic(), message.partition()))
        continue
    value, key = message.value(), message.key()
    record = {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "key": None if key is None else key.decode(errors="replace"),
        "value": None if value is None else json.loads(value),
    }
    print(json.dumps(record))
consumer.close()

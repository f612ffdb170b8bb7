"""Publishes a batch of COUNT records in each codec, with librdkafka: publish_compressed.py TOPIC COUNT CODEC..."""

import os
import sys

from confluent_kafka import Producer

topic, count, codecs = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
failures = []


def delivered(error, _message):
    if error is not None:
        failures.append(error)


for codec in codecs:
    # All records are there before the first is sent: few batches.
    producer = Producer(
        {
            "bootstrap.servers": os.environ["KAFKA_BROKERS"],
            "enable.idempotence": True,
            "compression.type": codec,
            "linger.ms": 2_000,
        }
    )
    for n in range(count):
        producer.produce(topic, key=f"{codec} {n}", value=f"a fox moves left, {n}; " * 9, on_delivery=delivered)
    if producer.flush(60) or failures:
        sys.exit(f"not delivered: {failures}")

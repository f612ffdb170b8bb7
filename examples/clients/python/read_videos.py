"""Reads finished videos: prints a line for each, "ID KEY SHA256 PROMPT", with the id that the request was sent under.

    KAFKA_BROKERS=127.0.0.1:9092 python read_videos.py                       for ever, as a consumer group
    KAFKA_BROKERS=127.0.0.1:9092 python read_videos.py --wait-for ID ID      until these are there; 1 after --timeout

read_committed is what makes it exactly once: events of transactions that were aborted are never seen.
"""

import argparse
import json
import os
import sys
import time

from confluent_kafka import Consumer, KafkaException


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topic", default="videos")
    parser.add_argument("--group", default="example-python")
    parser.add_argument("--wait-for", nargs="+", metavar="ID")
    parser.add_argument("--timeout", type=float, default=120, metavar="SECONDS")
    options = parser.parse_args()

    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["KAFKA_BROKERS"],
            "group.id": options.group,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            # A position is stored only for what was handled: after a crash nothing is left out.
            "enable.auto.offset.store": False,
        }
    )
    consumer.subscribe([options.topic])
    waiting = set(options.wait_for or [])
    until = time.monotonic() + options.timeout
    try:
        while options.wait_for is None or (waiting and time.monotonic() < until):
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            video = json.loads(message.value())
            prompt = " ".join(part["text"] for part in video["prompt"]["parts"] if "text" in part)
            # As the sender named it: its source and its id. The job has an id of vimi's own, video["job"].
            request = video["request"]
            print(request["id"], video["object"]["key"], video["object"]["sha256"], json.dumps(prompt), flush=True)
            waiting.discard(request["id"])
            consumer.store_offsets(message)
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()
    for request in sorted(waiting):
        print(f"no video of request {request} in {options.timeout:g} s", file=sys.stderr)
    return 1 if waiting else 0


if __name__ == "__main__":
    sys.exit(main())

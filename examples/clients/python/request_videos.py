"""Asks for videos: publishes one request for each prompt and prints its id.

    KAFKA_BROKERS=127.0.0.1:9092 python request_videos.py "a fox moves left" "a boat moves right"
    KAFKA_BROKERS=127.0.0.1:9092 python request_videos.py --cancel ID ID

Nothing of vimi is needed for it: a request is a JSON object (docs/schemas/generation.requested.schema.json), and the
CloudEvents headers are optional. The id is chosen here so that the video can be recognised. A request is known by its
source and its id: sending the same request again is one job, not two, and a cancel under the same source stops it,
whatever its key and partition.
"""

import argparse
import json
import os
import sys
import uuid

from confluent_kafka import Producer

SOURCE = "/examples/clients/python"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompt", nargs="*")
    parser.add_argument("--cancel", nargs="+", default=[], metavar="ID", help="stop these requests")
    parser.add_argument("--topic", default="requests")
    options = parser.parse_args()

    # acks=all and idempotence: what is acknowledged is there once, whatever the network does.
    producer = Producer(
        {"bootstrap.servers": os.environ["KAFKA_BROKERS"], "acks": "all", "enable.idempotence": True}
    )
    failures = []

    def delivered(error, message):
        if error is not None:
            failures.append(error)
        else:
            print(message.key().decode(), flush=True)

    def send(request, type_, data, id_):
        producer.produce(
            options.topic,
            key=request,
            value=json.dumps(data),
            headers={
                "ce_specversion": "1.0",
                "ce_id": id_,
                "ce_source": SOURCE,
                "ce_type": f"dev.vimi.generation.{type_}.v1",
                "content-type": "application/json",
            },
            on_delivery=delivered,
        )

    for prompt in options.prompt:
        request = str(uuid.uuid4())
        send(request, "requested", {"prompt": prompt}, request)
    for request in options.cancel:
        send(request, "cancelled", {"cancel": request}, f"{request}-cancel")
    unsent = producer.flush(30)
    for failure in failures:
        print(f"not delivered: {failure}", file=sys.stderr)
    if unsent:
        print(f"not delivered in 30 s: {unsent}", file=sys.stderr)
    return 1 if failures or unsent else 0


if __name__ == "__main__":
    sys.exit(main())

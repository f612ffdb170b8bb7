"""Hooks of infra/check-api.sh: half of the calls are for what is there (jobs, documents, rejects, deliveries), the rest for what schemathesis makes up."""
import atexit
import json
import os
import random
import urllib.request

import schemathesis

base = os.environ["VIMI_URL"]
# Where the ids of what a path names are listed.
lists = {
    "/v1/videos/{id}": "/v1/videos?limit=100",
    "/v1/corpus/documents/{id}": "/v1/corpus/documents?q=fox%20kite&k=50",
    "/v1/rejects/{id}": "/v1/rejects?limit=100",
    "/v1/webhooks/deliveries/{id}": "/v1/webhooks/deliveries?limit=100",
}
chance = random.Random(7)
counts = {}


def ids(path):
    with urllib.request.urlopen(base + path, timeout=60) as answer:
        return [one.get("id") or one["document"] for one in json.load(answer)["data"]]


def ask_for_video():
    """Nobody listens at the address of its webhook, so there is a delivery to look at."""
    body = {"prompt": "a fox runs", "frames": 2, "webhook": {"url": "http://127.0.0.1:9/"}}
    request = urllib.request.Request(
        base + "/v1/videos", json.dumps(body).encode(), {"content-type": "application/json"}, method="POST"
    )
    urllib.request.urlopen(request, timeout=60).read()


def one_of(path):
    found = ids(path)
    if not found and path.startswith(("/v1/videos", "/v1/webhooks")):
        ask_for_video()
        found = ids(path)
    return chance.choice(found) if found else None


@schemathesis.hook
def before_call(context, case, kwargs):
    path = case.operation.path
    prefix = next((known for known in lists if path.startswith(known)), None)
    if prefix and chance.random() < 0.5:
        real = one_of(lists[prefix])
        if real is not None:
            case.path_parameters = {**(case.path_parameters or {}), "id": real}
            counts[path] = counts.get(path, 0) + 1
    if path in ("/v1/rejects/replay", "/v1/rejects/dismiss") and isinstance(case.body, dict) and chance.random() < 0.5:
        real = one_of(lists["/v1/rejects/{id}"])
        if real is not None:
            case.body = {"ids": [real]}
            counts[path] = counts.get(path, 0) + 1


@atexit.register
def say():
    print("Calls with ids of what was there:")
    for path, count in sorted(counts.items()):
        print(f"  {count:4} {path}")

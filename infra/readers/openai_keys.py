"""What OpenAI's client makes of keys and quotas of a served vimi. Arguments: the address, an API key. Prints a line a refusal."""

import sys
import warnings

import openai

warnings.simplefilter("ignore", DeprecationWarning)
address, key = sys.argv[1:]
client = openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0)


def refused(call, kind, code):
    try:
        call()
    except kind as error:
        assert error.code == code, error
        print("refused", error)
        return error.response.headers
    raise AssertionError(f"{code} was expected")


stranger = client.with_options(api_key="vimi_nobody")
refused(lambda: stranger.videos.create(prompt="a fox"), openai.AuthenticationError, "KEY_MISSING")
refused(lambda: client.videos.create(prompt="a fox"), openai.PermissionDeniedError, "KEY_REFUSED")

left = client.videos.with_raw_response.list(limit=1).headers["ratelimit"]
for _ in range(int(left.split("r=")[1].split(";")[0])):
    client.videos.list(limit=1)
headers = refused(lambda: client.videos.list(limit=1), openai.RateLimitError, "RATE_LIMITED")
assert 0 < int(headers["retry-after"]) <= 60, headers

"""python -m vimi_model_server FOLDER [--host 127.0.0.1] [--port 8000] ...; --help lists all."""

import argparse
import logging
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn

from .app import create_app
from .jobs import Jobs
from .origins import is_loopback


def arguments():
    parser = argparse.ArgumentParser("vimi_model_server", description=__doc__)
    parser.add_argument("folder", type=Path, help="a model in diffusers' format; nothing is fetched")
    parser.add_argument("--name", help="of the model; default: the folder's")
    parser.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1; another one needs --key-file")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--key-file", type=Path, help="a file with the key that callers send as Authorization: Bearer KEY")
    parser.add_argument("--device", help="default: cuda where it is, else cpu")
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], help="default: bfloat16, on the cpu float32")
    parser.add_argument("--offload", action="store_true", help="keep parts in the machine's memory while they are not used")
    parser.add_argument("--negative-prompt", default="", help="what no video should show")
    for name, kind in {"frames": int, "width": int, "height": int, "fps": float, "steps": int, "guidance": float}.items():
        parser.add_argument(f"--{name}", type=kind, help="of a video whose request does not say it; default: the pipeline's")
    parser.add_argument("--max-frames", type=int, help="default: --frames")
    parser.add_argument("--max-side", type=int, help="pixels; default: the longer of --width and --height")
    parser.add_argument("--queue", type=at_least_one, default=8, help="jobs that may wait; more are answered with 429")
    parser.add_argument("--keep", type=at_least_one, default=32, help="ended jobs whose videos are kept")
    parser.add_argument("--max-body", type=at_least_one, default=64, help="MiB of one request")
    return parser.parse_args()


def at_least_one(text):
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("expected at least 1")
    return number


def key_of(options):
    if options.key_file:
        key = options.key_file.read_text("utf-8").strip()
        if not key:
            sys.exit(f"{options.key_file}: expected a key, found nothing")
        return key
    if not is_loopback(options.host):
        sys.exit(f"--host {options.host} serves other machines: expected --key-file")
    return None


def load(options):
    # Takes seconds, and the server answers meanwhile.
    import torch

    from .model import Model

    names = ("frames", "width", "height", "fps", "steps", "guidance", "max_frames", "max_side")
    return Model(
        options.folder,
        name=options.name,
        device=options.device or ("cuda" if torch.cuda.is_available() else "cpu"),
        dtype=options.dtype,
        offload=options.offload,
        negative_prompt=options.negative_prompt,
        settings={name: getattr(options, name) for name in names},
    )


def main():
    options = arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    key = key_of(options)
    jobs = Jobs(most_waiting=options.queue, most_kept=options.keep)
    app = create_app(jobs, key=key, most_body=options.max_body * 2**20)

    @asynccontextmanager
    async def lifespan(app):
        jobs.start(lambda: load(options))
        yield
        jobs.close()

    app.router.lifespan_context = lifespan
    uvicorn.run(app, host=options.host, port=options.port, log_level="warning", timeout_keep_alive=5, h11_max_incomplete_event_size=32768)


if __name__ == "__main__":
    main()

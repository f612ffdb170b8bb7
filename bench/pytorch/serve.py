"""The other side of bench/pytorch.mjs: a request a line on stdin, an answer a line on stdout, both JSON.

load    {preset, weights, inputs, kind, double, selfCondition, layout, placement, compile}   a model and the inputs of one case; kind:
        denoise, train; double: all of it in double precision; compile: the denoiser by torch.compile
answer  {out, aside}   computes once and writes the results as safetensors; aside: pixels that every place is moved by
time    {calls}     [seconds, seconds of processor time] of each call, after one that is not counted
"""

import json
import os
import sys
import time

import torch
from safetensors.torch import load_file, save_file

from loss import loss_of
from model import Model
from placement import Placement
from prompt_encoder import Prompts


def load(preset, weights, inputs, kind, double=False, selfCondition=False, layout=0.0, placement=0.0, compile=False):
    """The case as two functions: one computes, one names the results."""
    torch.set_default_dtype(torch.float64 if double else torch.float32)
    model = Model(preset)
    model.load(weights)
    batch = {name: t.to(torch.get_default_dtype()) for name, t in load_file(inputs).items()}
    prompts = Prompts.read(batch, B=len(batch["sigma"]))

    if kind == "denoise":
        given = (batch["x"], batch["sigma"], batch["frames"], batch["fps"])
        with torch.no_grad():
            condition = model.prompt(prompts)

        @torch.inference_mode()
        def denoise():
            return model.fit(*given, condition, batch["latents"])

        if compile:
            model.fit = torch.compile(model.fit)
        return denoise, lambda out: {"condition": condition.tokens, "f": out.f, "latents": out.latents}

    def train():
        model.zero_grad(set_to_none=True)
        loss = loss_of(model, batch, prompts, selfCondition, layout, placement)
        loss.backward()
        return loss

    return train, lambda loss: {"loss": loss.detach().view(1), **model.gradients()}


def main():
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    step = results = None
    for line in sys.stdin:
        request = json.loads(line)
        todo = request.pop("do")
        answer = {}
        if todo == "load":
            step = results = None  # the case before is let go first
            step, results = load(**request)
            answer["version"] = torch.__version__
        elif todo == "answer":
            Placement.aside = request.get("aside", 0.0)
            save_file({name: t.float().contiguous() for name, t in results(step()).items()}, request["out"])
        elif todo == "time":
            step()
            seconds = []
            for _ in range(request["calls"]):
                start = time.perf_counter(), time.process_time()
                step()
                seconds.append((time.perf_counter() - start[0], time.process_time() - start[1]))
            answer["seconds"] = seconds
        print(json.dumps(answer), flush=True)


main()

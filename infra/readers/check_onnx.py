"""Exported models are valid ONNX, and give in Python's onnxruntime what vimi computed operation by operation.

check_onnx.py FOLDER...
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

# As part of an output's greatest value: features of noise level and places are of single precision in the graph.
TOLERANCE = 5e-4

for folder in map(Path, sys.argv[1:]):
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, network in manifest["networks"].items():
        path = folder / network["file"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == network["sha256"], f"{path} is not the manifest's"
        onnx.checker.check_model(str(path), full_check=True)
        model = onnx.load(path)
        assert {one.domain for one in model.opset_import} == {""}, "operators that are not ONNX's own"
        example = load_file(folder / network["example"])
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        for port, said in zip(session.get_inputs(), network["inputs"], strict=True):
            assert (port.name, port.shape) == (said["name"], said["shape"]), port.name
        outputs = [port["name"] for port in network["outputs"]]
        made = session.run(outputs, {port["name"]: example[port["name"]] for port in network["inputs"]})
        worst = 0.0
        for output, values in zip(outputs, made, strict=True):
            there = example[output]
            assert values.shape == there.shape, f"{output} is {values.shape}, not {there.shape}"
            worst = max(worst, float(np.abs(values - there).max() / max(1e-6, np.abs(there).max())))
        assert worst < TOLERANCE, f"{name} of {folder} is {worst:.1e} away"
        print(f"{manifest['model']} {name}: {len(model.graph.node)} nodes, at most {worst:.1e} away")

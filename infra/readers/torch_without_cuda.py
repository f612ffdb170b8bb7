"""Lets PyTorch's build for CUDA load where no GPU is, without 4 GB of CUDA's libraries.

PyPI has no other build for Linux on x86. It links libraries of which a run on the CPU calls nothing. For each that is
missing, a library of that name is made whose functions end the program, should anything call them after all.
Needs gcc and binutils. Run with the Python whose site-packages have torch:  python torch_without_cuda.py
"""

import re
import subprocess
import sysconfig
import tempfile
from pathlib import Path

site = Path(sysconfig.get_paths()["purelib"])
libraries = site / "torch" / "lib"

# By the beginning of the names of their functions; the longer ones first.
owners = {
    "cublasLt": "libcublasLt.so.12",
    "cublas": "libcublas.so.12",
    "cudnn": "libcudnn.so.9",
    "cufft": "libcufft.so.11",
    "curand": "libcurand.so.10",
    "cusolver": "libcusolver.so.11",
    "cusparseLt": "libcusparseLt.so.0",
    "cusparse": "libcusparse.so.12",
    "nccl": "libnccl.so.2",
}


def needed_functions():
    names = set()
    for library in libraries.glob("libtorch*.so"):
        listed = subprocess.run(
            ["nm", "-D", "--undefined-only", str(library)], check=True, capture_output=True, text=True
        ).stdout
        names.update(line.split()[-1].split("@")[0] for line in listed.splitlines())
    return names


def make(soname, functions):
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "stub.c"
        body = "".join(f"void {name}(void) {{ abort(); }}\n" for name in sorted(functions))
        source.write_text(f"#include <stdlib.h>\n{body}")
        subprocess.run(
            ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{soname}", "-o", str(libraries / soname), str(source)],
            check=True,
        )


functions = needed_functions()
for prefix, soname in owners.items():
    if list(site.glob(f"nvidia/*/lib/{soname}")) or (libraries / soname).exists():
        continue
    others = [other for other in owners if other.startswith(prefix) and other != prefix]
    mine = {
        name
        for name in functions
        if re.match(rf"{prefix}[A-Z_a-z]", name) and not any(name.startswith(other) for other in others)
    }
    make(soname, mine)

"""Compile the D-GRU's Triton kernels for a GPU that need not be there.

python compiled_kernels.py CAPABILITY

Prints a JSON list: name, shared memory in bytes, and how many barriers order all memory.
"""

import json
import re
import sys

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from wheesht.cells.kernels import dgru_triton

HIDDEN = 512
KINDS = {torch.float32: "fp32", torch.bfloat16: "bf16"}


def signatures(kind: str) -> dict[str, dict[str, str]]:
    """Return the types of the arguments of both kernels; the rest are constants."""
    forward = dict.fromkeys(["gates_x", "w_h"], f"*{kind}")
    forward |= dict.fromkeys(["b_h", "h", "saved"], "*fp32") | {"mask": "*u8", "selected": "*i32"}
    backward = dict.fromkeys(["w_h", "grad_gates_x", "grad_gates_h"], f"*{kind}")
    backward |= dict.fromkeys(["grad_h", "h", "saved", "carry"], "*fp32") | {"mask": "*u8"}
    sizes = dict.fromkeys(["steps", "batch"], "i32")
    return {"_forward_steps": forward | sizes, "_backward_steps": backward | sizes}


def compiled(name: str, types: dict[str, str], dtype: torch.dtype, tf32: bool, target: GPUTarget):
    kernel = getattr(dgru_triton, name)
    launch = dgru_triton._options(dtype) | {"PRECISION": "tf32" if tf32 else "ieee"}
    constants = {"H": HIDDEN, "PADDED": HIDDEN, "limit": None} | launch
    constants = {k: v for k, v in constants.items() if k in kernel.arg_names}
    options = {k: v for k, v in launch.items() if k not in kernel.arg_names}
    signature = {k: types.get(k, "constexpr") for k in kernel.arg_names}
    aligned = [i for i, k in enumerate(kernel.arg_names) if signature[k].startswith("*")]
    attributes = {(i,): [["tt.divisibility", 16]] for i in aligned}
    source = ASTSource(kernel, signature, constants, attributes)
    return triton.compile(source, target=target, options=options)


rows = []
target = GPUTarget("cuda", int(sys.argv[1]), 32)
for dtype, tf32 in [(torch.float32, False), (torch.float32, True), (torch.bfloat16, False)]:
    for name, types in signatures(KINDS[dtype]).items():
        kernel = compiled(name, types, dtype, tf32, target)
        barriers = len(re.findall(r"\b(?:ttg\.barrier all|gpu\.barrier)\b", kernel.asm["ttgir"]))
        rows.append({"name": name, "shared_bytes": kernel.metadata.shared, "barriers": barriers})
print(json.dumps(rows))

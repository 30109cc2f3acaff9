from typing import Any

isa: str
has_bf16: bool

class Sequence:
    def __init__(
        self,
        gates_x: Any,
        gates_h: Any,
        h: Any,
        saved: Any,
        update_mask: Any,
        selected: Any,
        limit: Any | None,
    ) -> None: ...
    def forward(self, t: int) -> None: ...
    def backward(
        self, t: int, grad_h: Any, carry: Any, grad_gates_x: Any, grad_gates_h: Any
    ) -> None: ...

class Bf16Matrix:
    def __init__(self, w: Any, transposed: bool = ...) -> None: ...
    def times(self, x: Any, bias: Any | None, y: Any) -> None: ...

def forward_bf16(
    gates_x: Any,
    w_h: Bf16Matrix,
    b_h: Any,
    h: Any,
    h_rounded: Any,
    saved: Any,
    update_mask: Any,
    selected: Any,
    limit: Any | None,
) -> None: ...
def backward_bf16(
    grad_h: Any,
    w_h_transposed: Bf16Matrix,
    h: Any,
    saved: Any,
    update_mask: Any,
    carry: Any,
    grad_gates_x: Any,
    grad_gates_h: Any,
    grad_b: Any,
) -> None: ...

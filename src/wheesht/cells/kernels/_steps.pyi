from typing import Any

isa: str

class Sequence:
    def __init__(
        self,
        gates_x: Any,
        gates_h: Any,
        h: Any,
        saved: Any,
        update_mask: Any,
        selected: int,
        limit: Any | None,
    ) -> None: ...
    def forward(self, t: int) -> None: ...
    def backward(
        self, t: int, grad_h: Any, carry: Any, grad_gates_x: Any, grad_gates_h: Any
    ) -> None: ...

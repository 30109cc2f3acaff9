"""The C engine. Arrays are packed by wheesht.engine.pack; layouts: wheesht.h."""

import numpy as np
from numpy.typing import NDArray

_F32 = NDArray[np.float32]
_I32 = NDArray[np.int32]
_U8 = NDArray[np.uint8]
_S8 = NDArray[np.int8]

LANES: int
PANEL_ROWS: int

def isa_names() -> list[str]: ...

class Model:
    def __init__(
        self,
        win_length: int,
        hop_length: int,
        n_fft: int,
        window: _F32,
        twiddle: _F32,
    ) -> None: ...
    def set_features(
        self,
        kind: str,
        first_bin: int,
        n_bins: int,
        floor: float,
        mean: _F32 | None = None,
        scale: _F32 | None = None,
        root: bool = False,
    ) -> None: ...
    def set_head(
        self,
        kind: str,
        first_bin: int,
        n_bins: int,
        filter_bins: int = 0,
        filter_order: int = 0,
        filter_width: int = 0,
    ) -> None: ...
    def add_linear(
        self,
        input_size: int,
        output_size: int,
        weight: _F32,
        bias: _F32,
        activation: str,
        slope: float = 0.0,
    ) -> None: ...
    def add_int_linear(
        self,
        input_size: int,
        output_size: int,
        weight: _S8,
        scale: _F32,
        offset: _I32,
        inverse: float,
        fine_inputs: bool,
        bias: _F32,
        activation: str,
        slope: float = 0.0,
    ) -> None: ...
    def add_conv(
        self,
        input_size: int,
        output_size: int,
        kernel_size: int,
        weight: _F32,
        bias: _F32,
    ) -> None: ...
    def add_gru(
        self,
        input_size: int,
        hidden_size: int,
        z: _F32,
        rc: _F32,
        bias: _F32,
        gate: str,
        threshold: _F32 | None = None,
        scan: str = "time",
    ) -> None: ...
    def add_int_gru(
        self,
        input_size: int,
        hidden_size: int,
        z: _S8,
        rc: _S8,
        scale: _F32,
        unit_numbers: _F32,
        offset: _I32,
        inverse: float,
        bias: _F32,
        gate: str,
        threshold: _F32 | None = None,
        scan: str = "time",
    ) -> None: ...
    def add_layer_norm(
        self, size: int, weight: _F32 | None = None, bias: _F32 | None = None
    ) -> None: ...
    def add_rectifier(self, size: int) -> None: ...
    def add_residual(self, size: int, source: int) -> None: ...
    def add_band_analysis(self, bounds: _I32, output_size: int, weight: _F32) -> None: ...
    def add_band_synthesis(
        self, input_size: int, bounds: _I32, output_size: int, weight: _F32, bias: _F32
    ) -> None: ...
    def add_int_band_synthesis(
        self,
        input_size: int,
        bounds: _I32,
        output_size: int,
        weight: _S8,
        scale: _F32,
        offset: _I32,
        inverse: float,
        fine_inputs: bool,
        bias: _F32,
    ) -> None: ...

class Stream:
    def __init__(self, model: Model, isa: str = "") -> None: ...
    def process(self, x: _F32) -> tuple[_F32, _F32]: ...
    def process_given(self, x: _F32, masks: _U8) -> tuple[_F32, _F32]: ...
    def trace(self, x: _F32) -> list[_F32]: ...
    def hop_percents(self) -> list[float]: ...
    def selected(self) -> _U8: ...
    def hidden(self) -> _F32: ...
    def mask(self) -> _F32: ...
    def reset(self) -> None: ...
    def clone(self) -> Stream: ...
    def set_update_percent(self, percent: float) -> None: ...
    def set_dial(self, dial: str, low: float, high: float) -> None: ...
    def set_dial_cap(self, percent: float) -> None: ...
    def set_min_gain(self, gain: float) -> None: ...
    def set_gain_band(self, first: int, count: int) -> None: ...
    def set_profiling(self, on: bool) -> None: ...
    def executed_macs(self) -> list[int]: ...
    def updated_units(self) -> list[int]: ...
    def layer_nanoseconds(self) -> list[int]: ...
    def total_nanoseconds(self) -> int: ...
    def hops(self) -> int: ...
    @property
    def isa(self) -> str: ...
    @property
    def bytes(self) -> int: ...

class Pool:
    def __init__(self, model: Model, n_streams: int, isa: str = "") -> None: ...
    def process(self, x: _F32, active: _U8) -> _F32: ...
    def reset(self, index: int) -> None: ...
    def set_update_percent(self, index: int, percent: float) -> None: ...
    def set_min_gain(self, index: int, gain: float) -> None: ...
    def executed_macs(self, index: int) -> list[int]: ...
    def updated_units(self, index: int) -> list[int]: ...
    def hops(self, index: int) -> int: ...
    @property
    def isa(self) -> str: ...
    @property
    def bytes(self) -> int: ...

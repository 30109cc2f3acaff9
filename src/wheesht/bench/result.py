"""What a benchmark found, and the document that it becomes."""

from dataclasses import asdict, dataclass, field
from typing import Any

# Slowest over fastest run of the first row; above it times need a second look.
QUIET_SPREAD = 1.25


@dataclass(frozen=True)
class PartTime:
    """Median time of a layer, microseconds per hop; MACs per second of audio; share of the hop."""

    name: str
    type: str
    us_median: float
    executed_macs: int
    share: float


@dataclass(frozen=True)
class Row:
    """One contestant; wall time unless the name says CPU time, one thread.

    Attributes
    ----------
    backend : str
        ``wheesht``, another runtime, or a rival's name.
    model, model_sha256 : str
        Name of the model and the first 12 digits of its bundle's hash; empty for a rival that
        has its own.
    dtype, isa : str
        Number type, and instruction set where we choose it.
    update_percent : float
        The dial; 100 for those that have none.
    update_fraction : float or None
        Share of units updated, measured on the signal; None where nothing is known of units.
    executed_macs : int or None
        Counted by the engine, per second of audio.
    sample_rate : int
        Of what it takes, Hz.
    hop_ms : float or None
        Audio that a call takes; None for one that takes whole signals, which has no `us_hop`.
    timed : str
        What the timed call holds.
    us_hop_median, us_hop_p99, us_hop_worst : float or None
        Microseconds per hop.
    cpu_us_hop_median, cpu_us_hop_p99, cpu_us_hop_worst : float or None
        The same in CPU time of the thread: without the times when it had to wait for its core.
    us_recurrent_median : float or None
        In recurrent layers, where they can be told apart.
    us_network_median : float or None
        In the network, without transforms and what else surrounds it, where it can be told apart;
        None for a row whose whole call is the network.
    weight_bytes_hop : int or None
        Bytes of the matrices that a hop needs at least once, of the engine.
    us_read_median : float or None
        A plain read of as many bytes, beside the engine: what no kernel can be faster than.
    us_per_10ms : float
        Microseconds per 10 ms of audio, for comparison between different hops.
    rtf : float
        Real-time factor: computing time over audio time.
    ratio : float
        Of times per second of audio, to the base row.
    spread : float
        90th over 10th percentile of the medians of the runs.
    layers : tuple of PartTime
        Of the engine.
    """

    backend: str
    model: str
    model_sha256: str
    dtype: str
    isa: str
    update_percent: float
    update_fraction: float | None
    executed_macs: int | None
    sample_rate: int
    hop_ms: float | None
    timed: str
    us_recurrent_median: float | None
    us_network_median: float | None
    us_read_median: float | None
    us_per_10ms: float
    rtf: float
    ratio: float
    spread: float
    layers: tuple[PartTime, ...]
    weight_bytes_hop: int | None = None
    us_hop_median: float | None = None
    us_hop_p99: float | None = None
    us_hop_worst: float | None = None
    cpu_us_hop_median: float | None = None
    cpu_us_hop_p99: float | None = None
    cpu_us_hop_worst: float | None = None


@dataclass(frozen=True)
class Instructions:
    """Instructions per hop of the engine, counted; `layers` holds ``name`` and ``per_hop``.

    `macs_per_hop` is what the spec says for this setting, for layers without a threshold.
    """

    model: str
    isa: str
    update_percent: float
    per_hop: float
    macs_per_hop: int
    layers: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Result:
    """What `bench` found.

    Attributes
    ----------
    machine : str
        The processor.
    error_db : float
        Worst distance of the engine from the reference, dB below the output.
    gated : tuple of dict
        What was compared with the reference, or tested, before it was timed, and how close it
        came.
    conditions : dict
        Under which was timed: runs, hops, core, signal and so on.
    rows : tuple of Row
        Empty when no time was asked for.
    slowest_over_fastest : float or None
        Among the runs of the first row.
    skipped : tuple of str
        A sentence for each thing that was asked for and is not there.
    cold_start, memory : dict or None
        Of fresh processes; see `process`.
    instructions : tuple of Instructions
    """

    machine: str
    error_db: float
    gated: tuple[dict[str, Any], ...]
    conditions: dict[str, Any] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    slowest_over_fastest: float | None = None
    skipped: tuple[str, ...] = ()
    cold_start: dict[str, Any] | None = None
    memory: dict[str, Any] | None = None
    instructions: tuple[Instructions, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the document that ``wheesht bench --json`` prints."""
        slowest, keys = self.slowest_over_fastest, ("backend", "model", "isa", "update_percent")
        return {
            "machine": self.machine,
            "gate": {
                "passed": True,
                "error_db": round(self.error_db, 1),
                "gated": list(self.gated),
            },
            "conditions": self.conditions,
            "slowest_run_over_fastest": None if slowest is None else round(slowest, 3),
            "quiet": slowest is None or slowest <= QUIET_SPREAD,
            "skipped": list(self.skipped),
            "base": {key: getattr(self.rows[0], key) for key in keys} if self.rows else None,
            "rows": [_row(row) for row in self.rows],
            "cold_start": self.cold_start,
            "memory": self.memory,
            "instructions": [_as_lists(asdict(one)) for one in self.instructions],
        }


def _row(row: Row) -> dict[str, Any]:
    return _as_lists(asdict(row))


def _as_lists(document: dict[str, Any]) -> dict[str, Any]:
    """Return it with lists for tuples, as it comes back from JSON."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in document.items()}

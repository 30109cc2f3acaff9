"""The numbers that the D-GRU paper printed, to stand beside ours."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("paper_results.json")


@dataclass(frozen=True)
class PaperRow:
    """A row of the paper's Table 1; None where it has no entry.

    MACs in millions per second, `percent` of the MACs at P = 100, ESTOI in percent, SI-SNR in dB.
    """

    host: str
    params_millions: float | None
    update_percent: float | None
    non_gru: float | None
    gru: float | None
    total: float | None
    percent: float | None
    pesq_wb: float
    estoi: float
    si_snr: float
    dnsmos_ovrl: float


@dataclass(frozen=True)
class Paper:
    """Tables 1 and 2 of the paper and where they come from.

    `p_values` holds, for host and pair of update percentages (higher first), the p-value of the
    Mann-Whitney test on PESQ.
    """

    citation: str
    testset: str
    rows: tuple[PaperRow, ...]
    p_values: dict[tuple[str, float, float], float]

    def row(self, host: str, update_percent: float | None) -> PaperRow | None:
        """Return a row of Table 1; the unprocessed input is the host ``noisy``."""
        wanted = host, update_percent
        return next((r for r in self.rows if (r.host, r.update_percent) == wanted), None)


@cache
def paper_results() -> Paper:
    """Return the results of the D-GRU paper (arXiv 2408.12425), from a file of the package."""
    document = json.loads(_FILE.read_text(encoding="utf-8"))
    rows = []
    for entry in document["table_1"]["rows"]:
        rows.append(PaperRow(**dict(zip(document["table_1"]["columns"], entry, strict=True))))
    pairs = [tuple(pair) for pair in document["table_2"]["pairs"]]
    p_values = {
        (host, high, low): p
        for host, values in document["table_2"]["rows"].items()
        for (high, low), p in zip(pairs, values, strict=True)
    }
    return Paper(document["source"], document["testset"], tuple(rows), p_values)

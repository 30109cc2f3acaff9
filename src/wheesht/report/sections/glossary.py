"""What the columns and abbreviations mean, each once."""

from wheesht.metrics import METRICS
from wheesht.report.document import Definitions, Section
from wheesht.report.material import Material
from wheesht.report.sections.cells import label_of, margins_phrase
from wheesht.report.words import words

LOGARITHMIC = ("dB", "LUFS")  # units


def glossary(material: Material) -> Section:
    """Return definitions of what this page uses."""
    facts = {
        "has_models": any(v.kind == "model" for v in material.scores.all_variants),
        "has_times": bool(material.times.entries),
        "has_snr": any(
            facts.snr_db is not None
            for clips in material.scores.clips.values()
            for facts in clips.values()
        ),
        "margin": margins_phrase(material.margins),
    }
    general = words("glossary", **facts)
    measures = tuple((label_of(metric), _meaning(metric)) for metric in material.scores.metrics())
    return Section("words", "Words and columns", (*general, Definitions(measures)))


def _meaning(metric: str) -> str:
    """Return what a metric measures, its unit and range, and where it is defined."""
    known = METRICS.get(metric)
    if known is None:
        return "a column of the study that this version of wheesht does not know"
    sentences = {
        term: meaning
        for block in words("measures")
        if isinstance(block, Definitions)
        for term, meaning in block.entries
    }
    unit = f" {known.unit}" if known.unit else ""
    # The limits of measures in decibels are where they are cut off, not where scores lie.
    reach = (
        f"In{unit}" if known.unit in LOGARITHMIC else f"From {known.low:g} to {known.high:g}{unit}"
    )
    direction = "higher is better" if known.better else "neither direction is better"
    return f"{sentences[metric]} {reach}; {direction} ({known.source})."

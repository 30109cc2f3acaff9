"""Write the page about one study or several."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wheesht.audio.atomic import AtomicTarget
from wheesht.errors import AudioFileError, ParameterError, WheeshtError
from wheesht.evaluation.study import read_study
from wheesht.report.document import Document, Section
from wheesht.report.material import Material, Options, read_material
from wheesht.report.page import to_html, to_markdown
from wheesht.report.sections.all_metrics import all_metrics
from wheesht.report.sections.dial_tests import dial_tests
from wheesht.report.sections.glossary import glossary
from wheesht.report.sections.listeners import listeners
from wheesht.report.sections.noise_kinds import noise_kinds
from wheesht.report.sections.origin import origin
from wheesht.report.sections.overview import overview
from wheesht.report.sections.paper_table import paper_table
from wheesht.report.sections.quality_cost import quality_cost
from wheesht.report.sections.rivals import rivals
from wheesht.report.sections.snr import snr
from wheesht.report.sections.trends import paper_trends
from wheesht.report.sections.worst_clips import worst_clips
from wheesht.report.words import listed

HTML, MARKDOWN = "report.html", "report.md"
# In the order of the page; each may have nothing to say.
SECTIONS = (
    overview,
    glossary,
    quality_cost,
    dial_tests,
    paper_table,
    paper_trends,
    rivals,
    listeners,
    snr,
    noise_kinds,
    all_metrics,
    worst_clips,
    origin,
)


@dataclass(frozen=True)
class Written:
    """The files of a report."""

    html: Path
    markdown: Path


def write_report(
    studies: Sequence[Path], folder: Path | None = None, options: Options | None = None
) -> Written:
    """Write ``report.html`` and ``report.md`` about what `wheesht evaluate` left.

    Parameters
    ----------
    studies : sequence of Path
        Folders of studies; several become one page.
    folder : Path, optional
        Where to write, made when missing; the first study when left out.
    options : Options, optional
        What the page is to hold beside the scores.

    Returns
    -------
    Written
        Both files are complete, or what was there before is untouched.

    Raises
    ------
    ParameterError
        No study is named, or an option is out of range.
    StudyError
        A study or a file beside it is missing or damaged, or studies do not fit together.
    MissingDependency
        jinja2, matplotlib or scipy is not installed.
    AudioFileError
        A file cannot be written.
    """
    if not studies:
        raise ParameterError("report: got no study, needs the folder of one or more")
    material = read_material([read_study(path) for path in studies], options or Options())
    document = document_of(material)
    folder = Path(studies[0]) if folder is None else folder
    texts = {folder / HTML: to_html(document), folder / MARKDOWN: to_markdown(document)}
    return Written(*write_texts(texts))


def write_texts(texts: Mapping[Path, str]) -> tuple[Path, ...]:
    """Write files that are complete or, where they were before, untouched.

    Raises
    ------
    AudioFileError
        A file or its folder cannot be written.
    """
    targets = [AtomicTarget(path, overwrite=True) for path in texts]
    try:
        for target, text in zip(targets, texts.values(), strict=True):
            with _named(target):
                target.create().write_text(text, encoding="utf-8")
        for target in targets:
            with _named(target):
                target.commit()
    except BaseException:  # also Ctrl-C: nothing unfinished stays behind
        for target in targets:
            target.discard()
        raise
    return tuple(texts)


@contextmanager
def _named(target: AtomicTarget) -> Iterator[None]:
    """Name the file in what the system says, such as that the disk is full."""
    try:
        yield
    except WheeshtError:
        raise
    except OSError as error:
        raise AudioFileError(
            f"{target.target}: cannot be written ({error.strerror}); make room or choose another "
            f"folder"
        ) from error


def document_of(material: Material) -> Document:
    """Return the page: the sections that have something to say."""
    made = (section(material) for section in SECTIONS)
    sections: tuple[Section, ...] = tuple(section for section in made if section is not None)
    return Document(_title(material), sections)


def _title(material: Material) -> str:
    processed = [v.name for v in material.scores.all_variants if v.kind != "noisy"]
    systems = listed(list(dict.fromkeys(processed))) or "unprocessed recordings"
    return f"Evaluation of {systems} on {listed(list(material.scores.testsets))}"

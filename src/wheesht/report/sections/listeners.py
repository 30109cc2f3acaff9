"""What listeners said, where a listening test was made."""

from wheesht.report.document import Section
from wheesht.report.listening.results import analyse
from wheesht.report.listening.results_page import document_of
from wheesht.report.material import Material


def listeners(material: Material) -> Section | None:
    """Return the outcome of the listening test; None without one."""
    folder = material.options.listening_results
    if folder is None:
        return None
    document = document_of(analyse(folder, material.options.keep_excluded))
    blocks = tuple(block for section in document.sections for block in section.blocks)
    return Section("listeners", "What listeners heard", blocks)

"""How the numbers came about, so that anyone can make them again."""

from collections.abc import Iterable
from typing import Any

import wheesht
from wheesht.report.digits import number, shown
from wheesht.report.document import Block, Cell, Column, Commands, Group, Section, Table, rows
from wheesht.report.material import Material
from wheesht.report.sections.cells import without_empty
from wheesht.report.words import words


def origin(material: Material) -> Section:
    """Return commands, models, test sets, versions and machines."""
    studies = material.studies
    lines = dict.fromkeys(str(c) for study in studies for c in study.facts.get("commands", []))
    if material.options.command:
        lines[material.options.command] = None
    machines = dict.fromkeys(shown(str(study.facts.get("machine", ""))) for study in studies)
    failures = [row for study in studies for row in study.rows if row.error]
    blocks: list[Block] = list(
        words(
            "origin",
            version=wheesht.__version__,
            machines=[machine for machine in machines if machine],
            n_failures=len(failures),
            failures=list(dict.fromkeys(row.error for row in failures))[:5],
        )
    )
    if lines:
        blocks.append(Commands(tuple(shown(line) for line in lines)))
    blocks += [_systems(material), _testsets(material), _versions(material)]
    return Section("origin", "How this was made", tuple(b for b in blocks if _says_something(b)))


def _says_something(block: Block) -> bool:
    return not isinstance(block, Table) or any(group.rows for group in block.groups)


def _systems(material: Material) -> Table:
    columns = (
        Column("System", is_number=False),
        Column("Kind", is_number=False),
        Column("Host", is_number=False),
        Column("Parameters"),
        Column("SHA-256", is_number=False),
        Column("File or folder", is_number=False),
    )
    table = []
    for name, facts in _entries(material, "systems"):
        if facts.get("kind") != "noisy":
            params = facts.get("params")
            table.append(
                [
                    Cell(shown(name)),
                    _cell(facts, "kind"),
                    _cell(facts, "host"),
                    Cell(f"{params:,}" if isinstance(params, int) else ""),
                    _cell(facts, "sha256"),
                    _cell(facts, "path"),
                ]
            )
    return without_empty(Table("Systems", columns, (Group("", rows(table)),)))


def _testsets(material: Material) -> Table:
    columns = (
        Column("Test set", is_number=False),
        Column("Kind", is_number=False),
        Column("Clips"),
        Column("Length", "min"),
        Column("SHA-256", is_number=False),
        Column("Path", is_number=False),
    )
    table = []
    for name, facts in _entries(material, "testsets"):
        seconds = facts.get("seconds")
        minutes = number(seconds / 60, 1) if isinstance(seconds, int | float) else ""
        table.append(
            [
                Cell(shown(name)),
                _cell(facts, "kind"),
                _cell(facts, "clips"),
                Cell(minutes),
                _cell(facts, "sha256"),
                _cell(facts, "path"),
            ]
        )
    return without_empty(Table("Test sets", columns, (Group("", rows(table)),)))


def _versions(material: Material) -> Table:
    columns = (Column("Library", is_number=False), Column("Version", is_number=False))
    found: dict[str, dict[str, None]] = {}
    for study in material.studies:
        for name, version in study.facts.get("versions", {}).items():
            found.setdefault(shown(str(name)), {})[shown(str(version))] = None
    table = [[Cell(name), Cell(", ".join(versions))] for name, versions in found.items()]
    return Table("Versions", columns, (Group("", rows(table)),))


def _entries(material: Material, key: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield what the studies say about systems or test sets, equal statements once."""
    seen: list[tuple[str, Any]] = []
    for study in material.studies:
        for name, facts in study.facts.get(key, {}).items():
            if isinstance(facts, dict) and (name, facts) not in seen:
                seen.append((name, facts))
                yield str(name), facts


def _cell(facts: dict[str, Any], key: str) -> Cell:
    value = facts.get(key)
    return Cell("" if value is None else shown(str(value)))

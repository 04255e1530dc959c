"""Imports go along the way of a row, never back; Dagster stays in its shell."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from fluxion_pipeline_tests.architecture.repository import PACKAGE, imports, modules, stage

FOUNDATION = {"errors", "settings", "locks", "pause", "failpoints", "contracts", "locations"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "failpoints": set(),
    "locks": {"errors"},
    "pause": {"errors", "locks"},
    "contracts": {"errors"},
    "locations": {"errors", "contracts"},
    "settings": {"errors", "contracts"},
    "sources": FOUNDATION,
    "simulate": FOUNDATION | {"sources"},
    "landing": FOUNDATION | {"sources.protocol"},
    "sinks": FOUNDATION | {"landing", "sources.protocol"},
    "parity": FOUNDATION | {"landing", "sinks", "sources.protocol"},
    "alerts": FOUNDATION | {"landing.sqlite"},
    "operations": FOUNDATION | {"sources", "landing", "sinks", "parity", "alerts"},
    "defs": FOUNDATION | {"sources", "landing", "sinks", "parity", "alerts", "operations"},
    "definitions": FOUNDATION | {"defs", "operations"},
    "cli": FOUNDATION | {"simulate", "sources", "landing", "sinks", "parity", "alerts", "operations", "defs", "definitions"},
    "__main__": {"cli"},
}
"""Each stage: what it may import of the package, beside itself."""

DAGSTER_MAY_BE_IN = {"defs", "definitions"}
OURS = {name: tree for name, tree in modules().items() if name.parts[0] == PACKAGE and len(name.parts) > 1}


def stage_of(name: Path) -> str:
    return name.parts[1].removesuffix(".py")


def forbidden(own: str, imported: str) -> bool:
    """Whether a stage's import of a dotted name goes against the way of a row."""
    target = stage(imported)
    if target is None or target in {own, "__init__", "__version__"} or own == "__init__":
        return False
    names = ALLOWED[own]
    return target not in names and not any(imported.startswith(f"{PACKAGE}.{allowed}.") for allowed in names if "." in allowed)


def test_every_stage_has_a_place_in_the_order() -> None:
    assert {stage_of(name) for name in OURS} - {"__init__"} <= set(ALLOWED)


def test_a_module_imports_only_what_comes_before_it() -> None:
    found = [f"{name}: {imported}" for name, tree in OURS.items() for imported in imports(name, tree) if forbidden(stage_of(name), imported)]
    assert found == []


def test_dagster_is_imported_in_its_shell_only() -> None:
    found = [
        f"{name}: {imported}"
        for name, tree in OURS.items()
        if stage_of(name) not in DAGSTER_MAY_BE_IN
        for imported in imports(name, tree)
        if imported.split(".")[0].startswith("dagster")
    ]
    assert found == []


def test_the_command_loads_the_shell_only_when_it_needs_it() -> None:
    """``import dagster`` costs a second, which ``fluxion status`` must not pay."""
    found = [
        f"{name}: {imported}"
        for name, tree in OURS.items()
        if stage_of(name) in {"cli", "__main__"}
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for imported in imports(name, node)
        if stage(imported) in DAGSTER_MAY_BE_IN
    ]
    assert found == []


@pytest.mark.parametrize(
    ("own", "imported", "wrong"),
    [
        ("contracts", "fluxion_pipeline.landing.lote.Lote", True),
        ("landing", "fluxion_pipeline.sources.archivos.Archivos", True),
        ("landing", "fluxion_pipeline.sources.protocol.Reading", False),
        ("sinks", "fluxion_pipeline.parity.plan", True),
        ("operations", "fluxion_pipeline.defs.assets", True),
        ("cli", "fluxion_pipeline.operations.status", False),
        ("parity", "pandas", False),
    ],
)
def test_the_rule_itself_tells_right_from_wrong(own: str, imported: str, wrong: bool) -> None:
    assert forbidden(own, imported) is wrong

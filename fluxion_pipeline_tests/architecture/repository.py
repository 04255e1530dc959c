"""The checkout as the architecture tests see it: its text files, its modules, who imports whom."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "fluxion_pipeline"
CODE = (PACKAGE, "fluxion_pipeline_tests", "bench", "requirements")
BINARY = {".png", ".gz", ".parquet"}


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that is committed or would be, relative to the root."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True)
    names = {Path(name) for name in listed.stdout.decode().split("\0") if name}
    return tuple(sorted(name for name in names if (ROOT / name).is_file()))


@cache
def texts() -> dict[Path, str]:
    """The text files and what stands in them."""
    return {name: (ROOT / name).read_text("utf-8") for name in tracked() if name.suffix not in BINARY}


@cache
def modules() -> dict[Path, ast.Module]:
    """All Python files of the package, its tests and its tools, parsed."""
    return {name: ast.parse(text) for name, text in texts().items() if name.suffix == ".py" and name.parts[0] in CODE}


def imports(name: Path, tree: ast.AST) -> Iterator[str]:
    """The dotted names that a file imports, at any depth; relative ones made absolute."""
    package = name.with_suffix("").parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def stage(dotted: str) -> str | None:
    """The stage (first folder or module below the package) of a dotted name; None if it is no part of the package."""
    parts = dotted.split(".")
    return parts[1] if parts[0] == PACKAGE and len(parts) > 1 else None

"""The page of the schema is what the metadata says, and a stale one is noticed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.schema_doc import PAGE, main, render
from fluxion_pipeline.contracts.tables import REFERENCES, metadata


def test_the_page_in_the_repository_is_fresh() -> None:
    assert main(["--check"]) == 0, "stale: python -m fluxion_pipeline.contracts.schema_doc"
    assert PAGE.name == "schema.md"


def test_a_missing_and_a_stale_page_are_noticed_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "docs" / "schema.md"
    assert main(["--check", "--page", str(page)]) == 1
    assert main(["--page", str(page)]) == 0
    assert main(["--check", "--page", str(page)]) == 0
    page.write_text(page.read_text("utf-8").replace("ventas", "sales", 1), "utf-8")
    assert main(["--check", "--page", str(page)]) == 1
    assert "is stale" in capsys.readouterr().err


def test_the_page_tells_every_table_column_comment_and_reference() -> None:
    text = render()
    for table in metadata.tables.values():
        section = text.split(f"\n## {table.name}\n")[1].split("\n## ")[0]
        assert str(table.comment) in section
        for column in table.columns:
            assert any(line.startswith(f"| `{column.name}`") and str(column.comment) in line for line in section.splitlines())
        for _, column, target, key in (r for r in REFERENCES if r[0] == table.name):
            assert f"→ `{target}.{key}`" in next(line for line in section.splitlines() if line.startswith(f"| `{column}`"))


def test_it_runs_as_a_program(tmp_path: Path) -> None:
    page = tmp_path / "schema.md"
    subprocess.run([sys.executable, "-m", "fluxion_pipeline.contracts.schema_doc", "--page", str(page)], check=True)
    assert page.read_text("utf-8") == render()

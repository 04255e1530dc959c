"""What is remembered of proofs: all of them, once each, until they are old; whatever a crash or a full disk did to the file."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from fluxion_pipeline.contracts.outcomes import Verdict
from fluxion_pipeline.operations.parity_history import FILE, different, forget, history, record
from fluxion_pipeline.parity.report import Level, ParityReport, TableParity

NOW = datetime(2026, 3, 20, 12, tzinfo=timezone.utc)


def report(verdict: Verdict, level: Level = Level.VALUES) -> ParityReport:
    return ParityReport((TableParity("ventas", level, verdict),))


def test_old_proofs_are_forgotten_and_newer_ones_stay(tmp_path: Path) -> None:
    for days in (130, 121, 119, 0):
        record(tmp_path, report(Verdict.IGUAL), NOW - timedelta(days=days))
    assert forget(tmp_path, NOW - timedelta(days=120)) == 2
    assert [p.at for p in history(tmp_path)] == [NOW - timedelta(days=119), NOW]
    assert forget(tmp_path, NOW - timedelta(days=120)) == 0


def test_a_line_that_a_crash_cut_costs_no_other(tmp_path: Path) -> None:
    record(tmp_path, report(Verdict.IGUAL), NOW)
    with (tmp_path / FILE).open("a") as file:
        file.write('{"at": "2026-03-2\n')
    record(tmp_path, report(Verdict.DIFERENTE), NOW + timedelta(hours=1))
    assert [p.verdict for p in history(tmp_path)] == [Verdict.IGUAL, Verdict.DIFERENTE]
    assert forget(tmp_path, NOW - timedelta(days=1)) == 1


def test_a_file_that_cannot_be_written_keeps_nobody_from_a_verdict(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    record(tmp_path, report(Verdict.IGUAL), NOW)
    assert forget(tmp_path, NOW) == 0
    assert history(tmp_path) == ()


def test_counts_are_no_proof(tmp_path: Path) -> None:
    record(tmp_path, report(Verdict.IGUAL, Level.COUNT), NOW)
    assert history(tmp_path) == ()


def test_what_differs_is_what_the_newest_proof_of_a_table_says(tmp_path: Path) -> None:
    record(tmp_path, report(Verdict.DIFERENTE), NOW)
    record(tmp_path, ParityReport((TableParity("productos", Level.VALUES, Verdict.IGUAL),)), NOW + timedelta(hours=1))
    assert [(p.table, p.at) for p in different(tmp_path, ("productos", "ventas"))] == [("ventas", NOW)]
    assert different(tmp_path, ("productos",)) == ()
    record(tmp_path, report(Verdict.IGUAL), NOW + timedelta(hours=2))
    assert different(tmp_path, ("productos", "ventas")) == ()

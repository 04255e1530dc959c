"""Definitions of a user's own beside the pipeline's: by file or module, and what is said where they can't be."""

from __future__ import annotations

import sys
from pathlib import Path

import dagster as dg
import pytest

from fluxion_pipeline.defs.build import build_defs
from fluxion_pipeline.defs.extra import check, diagnose, with_extra
from fluxion_pipeline.errors import SettingsError
from fluxion_pipeline.operations.doctor import State
from fluxion_pipeline.settings import Settings, load
from fluxion_pipeline_tests.architecture.repository import ROOT
from fluxion_pipeline_tests.support.commands import finish, fluxion, start

MINE = """
from __future__ import annotations
from dataclasses import dataclass
import dagster as dg

@dataclass
class Thing:
    mode: str

def definitions(settings):
    thing = Thing(str(settings.db_mode))

    @dg.asset(key=["mine", thing.mode])
    def mine():
        pass

    return dg.Definitions(assets=[mine], jobs=[dg.define_asset_job("mio", selection=[mine])])
"""


def named(settings: Settings, name: str) -> Settings:
    return load({"FLUXION_HOME": str(settings.home), "FLUXION_EXTRA_DEFS": name})


def keys(definitions: dg.Definitions) -> set[str]:
    return {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}


def test_without_any_the_definitions_are_the_pipelines(duck_settings: Settings) -> None:
    definitions = build_defs(duck_settings)
    assert with_extra(definitions, duck_settings) is definitions


def test_a_file_adds_its_assets_and_jobs_for_the_homes_settings(duck_settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE, "utf-8")
    ours = build_defs(duck_settings)
    both = with_extra(ours, named(duck_settings, str(file)))
    assert keys(both) - keys(ours) == {"mine/duckdb"}
    assert both.resolve_job_def("mio").name == "mio"
    assert both.resolve_job_def("ventas").name == "ventas"


def test_a_module_is_imported(duck_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_as_module.py").write_text(MINE, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert "mine/duckdb" in keys(with_extra(build_defs(duck_settings), named(duck_settings, "mine_as_module")))


def test_the_server_loads_them_with_the_pipelines(duck_settings: Settings) -> None:
    """What ``fluxion ui`` starts imports ``fluxion_pipeline.definitions`` in an environment like this."""
    example = str(ROOT / "docs/examples/dias_de_inventario.py")
    program = (sys.executable, "-c", "from fluxion_pipeline.definitions import defs; print(*defs.resolve_asset_graph().get_all_asset_keys(), sep='\\n')")
    done = finish(start(duck_settings, program=program, more={"FLUXION_EXTRA_DEFS": example}))
    assert done.code == 0, done.err
    assert "tablas', 'dias_de_inventario'" in done.out
    assert "duckdb', 'ventas'" in done.out


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("nowhere.py", None, "there is no file .*nowhere.py"),
        ("no_such_module_of_mine", None, "No module named 'no_such_module_of_mine'"),
        ("empty.py", "", "has no function definitions"),
        ("wrong.py", "def definitions(settings): return []", "has no function definitions.settings. that returns dagster.Definitions"),
        ("raises.py", "\n1 / 0", "can't be loaded: ZeroDivisionError: division by zero .line 2 of .*raises.py."),
        ("later.py", "def definitions(settings):\n    exit('no way')", "can't be loaded: SystemExit: no way .line 2 of .*later.py."),
        ("half.py", "def definitions(", "can't be loaded: SyntaxError: .*half.py, line 1"),
        ("needs.py", "import no_such_module_of_mine", "ModuleNotFoundError: No module named 'no_such_module_of_mine' .line 1 of"),
    ],
)
def test_what_can_not_be_loaded_is_said(duck_settings: Settings, tmp_path: Path, name: str, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, "utf-8")
    given = str(tmp_path / name) if name.endswith(".py") else name
    with pytest.raises(SettingsError, match=said):
        with_extra(build_defs(duck_settings), named(duck_settings, given))


TWICE = """
import dagster as dg

def definitions(settings):
    return dg.Definitions(jobs=[dg.define_asset_job("ventas", selection="*")])
"""


@pytest.mark.parametrize(("text", "said"), [(None, "there is no file"), ("1 / 0", "ZeroDivisionError"), (TWICE, "can't be loaded")])
def test_the_doctor_names_what_would_take_all_definitions_away_and_the_ui_does_not_start_with_it(
    duck_settings: Settings, tmp_path: Path, text: str | None, said: str
) -> None:
    file = tmp_path / "mine.py"
    if text is not None:
        file.write_text(text, "utf-8")
    settings = named(duck_settings, str(file))
    found = diagnose(settings)
    assert (found.state, said in found.found, bool(found.remedy)) == (State.FAILED, True, True), found
    with pytest.raises(SettingsError, match=said):
        check(settings)


def test_the_doctor_loads_what_is_named_and_prints_nothing_of_its_own(duck_settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text(MINE + "\nprint('loud')\n", "utf-8")
    assert diagnose(named(duck_settings, str(tmp_path / "mine.py"))).state is State.OK
    assert capsys.readouterr().out == ""
    assert diagnose(duck_settings).state is State.SKIPPED


def test_the_ui_refuses_definitions_that_can_not_be_loaded_in_a_sentence(duck_settings: Settings) -> None:
    done = fluxion(duck_settings, "ui", more={"FLUXION_EXTRA_DEFS": "/nope.py"})
    assert (done.code, done.out) == (2, "")
    assert "error: FLUXION_EXTRA_DEFS is «/nope.py», and there is no file /nope.py" in done.err
    assert "do: name a Python file" in done.err
    assert "Traceback" not in done.err

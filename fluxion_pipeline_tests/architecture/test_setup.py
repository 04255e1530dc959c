"""Setting up: the machine's pip configuration is honoured, and what can't be done is said in a sentence."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from fluxion_pipeline_tests.architecture.repository import ROOT, texts

MAKE = shutil.which("make") or "make"


@pytest.fixture(scope="module")
def installer() -> ModuleType:
    """``requirements/install.py``, which is a script and in no package."""
    found = importlib.util.spec_from_file_location("installer", ROOT / "requirements/install.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_pip_options_of_the_environment_win_over_those_of_files(installer: ModuleType) -> None:
    listing = ":env:.index-url='https://c.example/simple'\nglobal.index-url='https://a.example/simple'\ninstall.index-url='https://b.example/simple'\n"
    assert installer.pip_options(listing) == {"index-url": "https://c.example/simple"}


def test_lines_of_pip_that_are_no_options_are_passed_over(installer: ModuleType) -> None:
    assert installer.pip_options("WARNING: odd\ndownload.cert='x'\nglobal.cert='/etc/ca.pem'") == {"cert": "/etc/ca.pem"}


def test_uv_is_given_what_pip_was_given(installer: ModuleType) -> None:
    options = {"index-url": "https://a.example/simple", "extra-index-url": "\nhttps://b.example/simple\nhttps://c.example/simple", "cert": "/etc/ca.pem"}
    environment = installer.uv_environment(options, {"PATH": "/bin"})
    assert environment["UV_DEFAULT_INDEX"] == "https://a.example/simple"
    assert environment["UV_INDEX"] == "https://b.example/simple https://c.example/simple"
    assert environment["SSL_CERT_FILE"] == "/etc/ca.pem"
    assert environment["PATH"] == "/bin"


def test_what_is_set_for_uv_itself_stands(installer: ModuleType) -> None:
    assert installer.uv_environment({"index-url": "https://a.example"}, {"UV_DEFAULT_INDEX": "https://u.example"})["UV_DEFAULT_INDEX"] == "https://u.example"


def test_nothing_is_invented_where_pip_is_told_nothing(installer: ModuleType) -> None:
    assert set(installer.uv_environment({}, {})) == {"UV_INDEX_STRATEGY", "UV_PYTHON_DOWNLOADS"}


@pytest.mark.parametrize("line", ["make", "make help"])
def test_make_alone_and_make_help_list_every_target(line: str) -> None:
    shown = subprocess.run([MAKE, *line.split()[1:]], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    declared = re.search(r"^\.PHONY: (.+)$", texts()[Path("Makefile")], re.MULTILINE)
    assert declared is not None
    assert set(re.findall(r"^  make (\S+) +\S", shown, re.MULTILINE)) == set(declared[1].split())


def test_without_a_python_make_says_what_to_do(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "requirements/install.py", "requirements/bootstrap.txt", "requirements/runtime.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    done = subprocess.run([MAKE, "setup"], cwd=tmp_path, env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "no Python 3.10 to 3.14 on the PATH: install one, or name it: make setup PYTHON=" in done.stderr
    assert not (tmp_path / ".venv").exists()

"""Definitions of a user's own, beside the pipeline's: a Python file or module that ``FLUXION_EXTRA_DEFS`` names.

It has a function ``definitions(settings)`` that returns ``dagster.Definitions``; what its assets need
(the IO managers ``tablas``, ``duckdb``, ``postgresql``) is there.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType

import dagster as dg

from fluxion_pipeline.defs.build import build_defs
from fluxion_pipeline.errors import FluxionError, SettingsError
from fluxion_pipeline.operations.doctor import Finding, State
from fluxion_pipeline.settings import Settings

_MODULE = "fluxion_extra_defs"


def diagnose(settings: Settings) -> Finding:
    """The doctor's check of what ``FLUXION_EXTRA_DEFS`` names; never raises for what it finds."""
    named = settings.fluxion_extra_defs
    if not named:
        return Finding("own definitions", State.SKIPPED, "FLUXION_EXTRA_DEFS names none")
    try:
        check(settings)
    except FluxionError as error:
        return Finding("own definitions", State.FAILED, error.what, error.remedy)
    return Finding("own definitions", State.OK, f"«{named}» loads beside the pipeline's")


def check(settings: Settings) -> None:
    """Load the user's definitions as Dagster will, if any are named.

    Raises:
        SettingsError: if they would keep all of the pipeline's from loading.
    """
    if settings.fluxion_extra_defs:
        with redirect_stdout(sys.stderr):
            merged = with_extra(build_defs(settings), settings)
            with _blamed(settings.fluxion_extra_defs):
                dg.Definitions.validate_loadable(merged)


def with_extra(definitions: dg.Definitions, settings: Settings) -> dg.Definitions:
    """The pipeline's definitions and the user's; only the pipeline's where none are named.

    Raises:
        SettingsError: if what is named isn't there, raises, has no function ``definitions``, or doesn't go with the pipeline's.
    """
    named = settings.fluxion_extra_defs
    if not named:
        return definitions
    with _blamed(named):
        made = getattr(_loaded(named), "definitions", None)
        found = made(settings) if callable(made) else None
    if not isinstance(found, dg.Definitions):
        raise SettingsError(f"FLUXION_EXTRA_DEFS is «{named}», which has no function definitions(settings) that returns dagster.Definitions", "add it")
    with _blamed(named):
        return dg.Definitions.merge(definitions, found)


@contextmanager
def _blamed(named: str) -> Iterator[None]:
    """Whatever the user's code raises, in one line: what, and in which line of which file."""
    try:
        yield
    except FluxionError:
        raise
    except (Exception, SystemExit) as error:
        what = (str(error).strip().splitlines() or [""])[0]
        frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == _path(named) or Path(f.filename).stem == named.rpartition(".")[2]]
        where = f" (line {frames[-1].lineno} of {frames[-1].filename})" if frames else ""
        told = f"FLUXION_EXTRA_DEFS is «{named}», which can't be loaded: {type(error).__name__}: {what}{where}"
        raise SettingsError(told, "correct it there, or unset FLUXION_EXTRA_DEFS to go on without it") from error


def _loaded(named: str) -> ModuleType:
    if not named.endswith(".py"):
        try:
            return importlib.import_module(named)
        except ModuleNotFoundError as error:
            if not f"{named}.".startswith(f"{error.name}."):
                raise
            raise SettingsError(f"FLUXION_EXTRA_DEFS is «{named}»: {error}", "name a Python file, or a module that can be imported") from error
    path = _path(named)
    found = importlib.util.spec_from_file_location(_MODULE, path)
    if not path.is_file() or found is None or found.loader is None:
        raise SettingsError(f"FLUXION_EXTRA_DEFS is «{named}», and there is no file {path}", "name a Python file, or a module that can be imported")
    module = importlib.util.module_from_spec(found)
    sys.modules[_MODULE] = module  # dataclasses and type hints of the file look their module up
    found.loader.exec_module(module)
    return module


def _path(named: str) -> Path:
    return Path(named).expanduser().absolute()

"""Definitions of a user's own, beside the pipeline's: a Python file or module that ``FLUXION_EXTRA_DEFS`` names.

It has a function ``definitions(settings)`` that returns ``dagster.Definitions``; what its assets need
(the IO managers ``tablas``, ``duckdb``, ``postgresql``) is there.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import dagster as dg

from fluxion_pipeline.errors import SettingsError
from fluxion_pipeline.settings import Settings

_MODULE = "fluxion_extra_defs"


def with_extra(definitions: dg.Definitions, settings: Settings) -> dg.Definitions:
    """The pipeline's definitions and the user's; only the pipeline's where none are named.

    Raises:
        SettingsError: if what is named isn't there, or has no function ``definitions``.
    """
    named = settings.fluxion_extra_defs
    if not named:
        return definitions
    module = _loaded(named)
    made = getattr(module, "definitions", None)
    found = made(settings) if callable(made) else None
    if not isinstance(found, dg.Definitions):
        raise SettingsError(f"FLUXION_EXTRA_DEFS is «{named}», which has no function definitions(settings) that returns dagster.Definitions", "add it")
    return dg.Definitions.merge(definitions, found)


def _loaded(named: str) -> ModuleType:
    if not named.endswith(".py"):
        try:
            return importlib.import_module(named)
        except ModuleNotFoundError as error:
            raise SettingsError(f"FLUXION_EXTRA_DEFS is «{named}»: {error}", "name a Python file, or a module that can be imported") from error
    path = Path(named).expanduser().absolute()
    found = importlib.util.spec_from_file_location(_MODULE, path)
    if not path.is_file() or found is None or found.loader is None:
        raise SettingsError(f"FLUXION_EXTRA_DEFS is «{named}», and there is no file {path}", "name a Python file, or a module that can be imported")
    module = importlib.util.module_from_spec(found)
    sys.modules[_MODULE] = module  # dataclasses and type hints of the file look their module up
    found.loader.exec_module(module)
    return module

"""The home's own Dagster instance: its folder and its ``dagster.yaml``, written when it isn't there.

Nothing here imports Dagster: it is names and files, for the command as for the shell.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fluxion_pipeline.settings import Settings

LOCATION = "fluxion_pipeline"
WORKSPACE = f"""\
# Written by fluxion at each start of fluxion ui.
load_from:
  - python_module:
      module_name: fluxion_pipeline.definitions
      location_name: {LOCATION}
"""

HEAD = "# Written by fluxion when it is missing; edit it freely.\n"
STORAGE = """\
storage:
  custom:
    module: fluxion_pipeline.defs.kept_sqlite
    class: KeptSqliteStorage
    config:
      base_dir: {env: DAGSTER_HOME}
"""
REST = """\
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    granularity: op
    default_limit: 1
  runs:
    max_concurrent_runs: 4
    tag_concurrency_limits:
      - {key: fluxion/flujo, value: catalogo, limit: 1}
      - {key: fluxion/flujo, value: inventario, limit: 1}
      - {key: fluxion/flujo, value: ventas, limit: 1}
      - {key: fluxion/flujo, value: recuperacion, limit: 1}
      - {key: fluxion/flujo, value: limpieza, limit: 1}
"""
YAML = HEAD + STORAGE + REST
FORMER = HEAD + REST
"""As it was written by a version without the storage: replaced where nobody has edited it."""


def folder(settings: Settings) -> Path:
    """``DAGSTER_HOME``: the environment's, or a folder below the home."""
    given = os.environ.get("DAGSTER_HOME")
    return Path(given).absolute() if given else settings.home / "dagster"


def ui_lock(settings: Settings) -> Path:
    """The lock that ``fluxion ui`` and its servers hold while they live."""
    return settings.home / "locks" / "ui.lock"


@contextmanager
def prepared(settings: Settings) -> Iterator[Path]:
    """The instance's folder, ready, with ``DAGSTER_HOME`` naming it while the block runs."""
    place = folder(settings)
    place.mkdir(parents=True, exist_ok=True)
    config = place / "dagster.yaml"
    if not config.exists() or config.read_text("utf-8") == FORMER:
        fresh = place / f"dagster.yaml.{os.getpid()}"
        fresh.write_text(YAML, "utf-8")
        fresh.replace(config)
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(place)
    try:
        yield place
    finally:
        if before is None:
            del os.environ["DAGSTER_HOME"]

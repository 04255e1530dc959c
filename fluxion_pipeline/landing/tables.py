"""The tables of a home: the pipeline's, and those of its users, whose contracts lie beside their lotes.

A contract is known to every process of the home, also to one that never imports the user's code.
Doesn't live here: what a contract may say (``contracts.own_tables``), how its rows land
(``landing.own_tables``).
"""

from __future__ import annotations

import os
from pathlib import Path

from fluxion_pipeline.contracts.own_tables import PLACE, OwnTable
from fluxion_pipeline.contracts.tables import CONTRACT_TABLES, LANDED_TABLES, SPECS, TableSpec
from fluxion_pipeline.errors import ContractError, OutboxError
from fluxion_pipeline.landing.index import place_name
from fluxion_pipeline.landing.lote import sync_folder

FILE = "contrato.json"


def own_tables(home: Path) -> dict[str, OwnTable]:
    """The contracts of users' own tables that ever landed in a home, by name."""
    paths = sorted((home / "lotes").glob(f"{place_name(PLACE)}*/{FILE}"))
    return {table.name: table for path in paths if (table := _read(path)) is not None}


def own_table(home: Path, name: str) -> OwnTable | None:
    """The contract of one of them; None if no such table ever landed."""
    return _read(_path(home, name))


def table_of(home: Path, name: str) -> TableSpec:
    """A table of the home, the pipeline's or a user's own.

    Raises:
        ContractError: if there is none; the error lists the names.
    """
    if name in SPECS:
        return SPECS[name]
    own = own_table(home, name)
    if own is None:
        raise ContractError(f"there is no table «{name}»", f"the tables are: {', '.join((*SPECS, *own_tables(home)))}")
    return own.spec


def compared_tables(home: Path) -> tuple[str, ...]:
    """The tables that parity speaks of, in the order in which they are shown."""
    return (*CONTRACT_TABLES, *own_tables(home))


def landed_tables(home: Path) -> tuple[str, ...]:
    """The tables that convergence writes: dimensions, facts, users' own."""
    return (*LANDED_TABLES, *own_tables(home))


def keep(home: Path, table: OwnTable) -> None:
    """Keep a contract durably; the caller holds the lock of the table's landing.

    Raises:
        OutboxError: if the disk doesn't take it.
    """
    path = _path(home, table.name)
    temporary = path.with_name(f".{FILE}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as handle:
            handle.write(table.to_json())
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise OutboxError(f"{path} can't be written: {error.strerror or error}", "free space or mend the disk below FLUXION_HOME, then run it again") from error


def _path(home: Path, name: str) -> Path:
    return home / "lotes" / place_name(PLACE + name) / FILE


def _read(path: Path) -> OwnTable | None:
    try:
        return OwnTable.from_json(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, ContractError) as error:
        raise OutboxError(f"{path} is no contract: {error}", "restore it from the backup of FLUXION_HOME") from error

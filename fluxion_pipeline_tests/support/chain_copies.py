"""Where a chain begins, and older copies of its databases: DuckDB's file, PostgreSQL's files, PostgreSQL's rows as a dump has them."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.landing.decide import outcome
from fluxion_pipeline.landing.decide.outcome import Limits
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.embedded.server import ServerAddress
from fluxion_pipeline.sinks.postgresql import session
from fluxion_pipeline_tests.support import chain_world, landing_model, postgres
from fluxion_pipeline_tests.support.chain_again import AgainChain
from fluxion_pipeline_tests.support.chain_landing import first_map
from fluxion_pipeline_tests.support.kept import Kept, kept

LEDGERS = ("fluxion_meta", "lotes_aplicados", "lotes_registro")


class CopiedChain(AgainChain):
    """A chain whose databases are backed up and restored."""

    def __init__(self, settings: Settings, server: ServerAddress) -> None:
        super().__init__(settings)
        self.server, self.stack = server, ExitStack()
        self.dumped: list[str] = []
        self.kept: Kept | None = None

    def _tables(self, sink: SinkName) -> list[str]:
        """What a dump of a sink has; of users' tables those that are there."""
        own = self.look(sink).own
        return [*(t for t in chain_world.COLUMNS if t not in chain_world.OWN or own[t]), *LEDGERS]

    @property
    def _copy(self) -> str:
        return f"{self.settings.postgres_db}_copia"

    def keep_connections(self, *, plain: bool = False) -> None:
        """From now on connections are kept open; ``plain``: that to a database in memory alone."""
        self.kept = self.stack.enter_context(kept(str(self.settings.duckdb_file), plain=plain))

    def release(self) -> None:
        """Nobody has anything open."""
        if self.kept is not None:
            self.kept.release()

    def away(self, sink: SinkName) -> None:
        self.release()
        super().away(sink)

    def back_up(self, sink: SinkName) -> None:
        """Copy a sink as it is now: the file; of PostgreSQL both the files and the rows."""
        self.keep(sink)
        self.release()
        if sink is SinkName.DUCKDB:
            shutil.copyfile(self.settings.duckdb_file, self.settings.duckdb_file.with_suffix(".copia"))
            return
        self.dumped = self._tables(sink)
        own = [t for t in self.dumped if t in chain_world.OWN]
        tables = [s for t in own for s in (f"CREATE TABLE copia.{t} (LIKE public.{t} INCLUDING ALL)", f"INSERT INTO copia.{t} SELECT * FROM public.{t}")]
        tables += [f"CREATE TABLE copia.{t} AS TABLE public.{t}" for t in self.dumped if t not in own]
        chain_world.run_on(self.settings, sink, ["DROP SCHEMA IF EXISTS copia CASCADE", "CREATE SCHEMA copia", *tables], write=True)
        self.release()
        postgres.copy_database(self.server, self._copy, self.settings.postgres_db)

    def restore(self, sink: SinkName, dump: bool) -> None:
        """An older copy takes a sink's place, its ledger included; of PostgreSQL its files, or its rows written anew."""
        if sink not in self.copies:
            return
        self.release()
        if sink is SinkName.DUCKDB:
            shutil.copyfile(self.settings.duckdb_file.with_suffix(".copia"), self.settings.duckdb_file)
        elif dump:
            own = [f"DROP TABLE public.{t}" for t in self._tables(sink) if t in chain_world.OWN]
            own += [f"CREATE TABLE public.{t} (LIKE copia.{t} INCLUDING ALL)" for t in self.dumped if t in chain_world.OWN]
            anew = own + [s for t in self.dumped for s in (f"DELETE FROM public.{t}", f"INSERT INTO public.{t} SELECT * FROM copia.{t}")]
            chain_world.run_on(self.settings, sink, anew, write=True)
        else:
            postgres.copy_database(self.server, self.settings.postgres_db, self._copy)
        self.sinks[sink] = copy.deepcopy(self.copies[sink])
        self.settle(sink, {})

    def close(self) -> None:
        """Close what is kept open, and drop the copy."""
        self.stack.close()
        postgres.drop_database(self.server, self._copy)


MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Start:
    """A home and its database right after ``fluxion init`` with the first map, from which every life of a session begins."""

    server: ServerAddress
    home: Path
    database: str

    @contextmanager
    def life(self, *, keep: bool = False) -> Iterator[CopiedChain]:
        """A chain of its own, with limits as small as the model's; ``keep``: its connections are kept open."""
        with (
            tempfile.TemporaryDirectory(prefix="life-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder,
            postgres.fresh_database(self.server, self.database) as database,
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setattr(session, "WORTHWHILE", 0)  # every slice is big enough for its seal to be asked
            patch.setattr(outcome, "LIMITS", Limits(landing_model.MANY_PARTIAL, landing_model.MANY, landing_model.ALIKE, near=landing_model.NEAR))
            home = Path(folder) / "home"
            shutil.copytree(self.home, home)
            chain = CopiedChain(postgres.settings_for(self.server, database, home), self.server)
            try:
                if keep:
                    chain.keep_connections()
                yield chain
            finally:
                chain.close()


@contextmanager
def start(server: ServerAddress, folder: Path) -> Iterator[Start]:
    """Initialise once."""
    with postgres.fresh_database(server) as database:
        app = App(postgres.settings_for(server, database, folder / "first"))
        app.__dict__["registry"] = first_map()
        assert [step.error for step in initialise(app)] == [None, None]
        yield Start(server, folder / "first", database)

"""Images whose file is lost are made anew from a database that still holds them, row by row."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from fluxion_pipeline.cli.main import build
from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.contracts.outcomes import Fact, Outcome, SinkName
from fluxion_pipeline.contracts.tables import LANDED_TABLES, spec
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.outbox import Landing
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.doctor import State
from fluxion_pipeline.operations.restore_images import lost_images
from fluxion_pipeline.parity.images import against_images
from fluxion_pipeline_tests.operations.test_repair import STOCK, filled
from fluxion_pipeline_tests.parity.both import Both
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.commands import environment, fluxion
from fluxion_pipeline_tests.support.patient import doctor

__all__ = ["filled"]

DAMAGES = {
    "gone": lambda file: file.unlink(),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-20]),
    "other rows": lambda file: pq.write_table(pq.read_table(file).slice(1), file),
    "a byte turned": lambda file: file.write_bytes(bytes(b ^ 255 if n == 40 else b for n, b in enumerate(file.read_bytes()))),
}


def typed(app: App, *words: str) -> Result:
    return CliRunner().invoke(build(), words, env=environment(app.settings))


def image_of(app: App, table: str, location: str = "SUC001") -> Image:
    return next(iter(app.outbox.index.images(location, table)))


def whole(app: App) -> bool:
    """Both sinks hold what the images say, of every table."""
    return not any(against_images(app.settings, app.outbox, sink, spec(t)).slices for sink in SinkName for t in LANDED_TABLES)


def next_reading(app: App, fact: Fact, cut: str) -> Landing:
    location = app.registry.find("SUC001")
    with app.outbox.lock("SUC001") as past:
        return app.outbox.land(app.source.read(fact, location, cut, now()), past)


@pytest.mark.parametrize(("table", "how"), [("ventas", "gone"), ("ventas", "other rows"), (STOCK, "cut"), (STOCK, "a byte turned")])
def test_a_lost_image_is_made_anew_and_everything_goes_on(filled: App, tmp_path: Path, table: str, how: str) -> None:
    image = image_of(filled, table)
    DAMAGES[how](image.file)
    assert lost_images(filled, table) == (image,)
    shown = typed(filled, "repair", table, "--from", "lote")
    assert shown.exit_code == 1
    assert f"{table}: 1 images in 1 files of the lotes can't be read" in shown.stdout
    assert lost_images(filled, table) == (image,)
    done = typed(filled, "repair", table, "--from", "lote", "--apply")
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"{table}: 1 images made anew" in done.stdout
    anew = image_of(filled, table)
    assert (anew.version, anew.rows, anew.digest) == (image.version, image.rows, image.digest)
    assert anew.lote > image.lote
    assert not filled.outbox.owed("SUC001", anew.lote - 1)
    folder = tmp_path / "drops"
    drops.write_stock(folder, "tienda_01", "2025-11-24T0700", [drops.stock(f"{n:06d}", n + n % 2) for n in range(300)])
    drops.write_sales(folder, "tienda_01", "2025-11-23", [drops.sale("2025-11-23", f"{n:08d}", cantidad=1) for n in range(51)])
    assert next_reading(filled, Fact.INVENTARIO, "2025-11-24T0700").outcome is Outcome.COMPLETO
    assert next_reading(filled, Fact.VENTAS, "2025-11-23").outcome is Outcome.COMPLETO
    for sink in SinkName:
        bring_up(filled, sink, whole=True)
    assert whole(filled)


@pytest.mark.parametrize("table", ["inventario_historico", "inventario_cortes", "cobertura"])
def test_images_of_other_tables_are_made_anew_too(filled: App, table: str) -> None:
    image = image_of(filled, table)
    image.file.unlink()
    done = typed(filled, "repair", table, "--from", "lote", "--apply")
    assert (done.exit_code, done.stderr) == (0, "")
    assert not lost_images(filled, table)
    assert whole(filled)


def test_one_database_that_holds_it_is_enough(filled: App) -> None:
    image_of(filled, STOCK).file.unlink()
    Both(filled.settings).duck("UPDATE inventario_actual SET stock = 1 WHERE ubicacion_codigo = 'SUC001'")
    done = typed(filled, "repair", STOCK, "--from", "lote", "--apply", "--force")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "1 of them are in postgresql as they were" in done.stdout
    assert whole(filled)


def test_what_no_database_holds_is_named_and_nothing_is_written(filled: App) -> None:
    image = image_of(filled, STOCK)
    image.file.unlink()
    both = Both(filled.settings)
    for run in (both.duck, both.pg):
        run("UPDATE inventario_actual SET stock = stock + 1 WHERE ubicacion_codigo = 'SUC001' AND producto_codigo = '000003'")
    done = typed(filled, "repair", STOCK, "--from", "duckdb", "--apply")
    assert done.exit_code == 2
    assert "1 images of inventario_actual can't be read, and no active database holds them as they were: SUC001" in done.stderr
    assert "restore the folder lotes" in done.stderr
    assert image_of(filled, STOCK) == image


def test_the_doctor_names_what_is_gone_and_its_remedy_brings_it_back(filled: App) -> None:
    assert doctor(filled.settings)["images"].state is State.OK
    image_of(filled, STOCK).file.unlink()
    found = doctor(filled.settings)["images"]
    assert (found.state, found.found.split(":")[0]) == (State.FAILED, "1 files of the lotes are gone, of inventario_actual")
    assert typed(filled, *found.remedy.split(",")[0].split()[1:]).exit_code == 0
    assert doctor(filled.settings)["images"].state is State.OK


def test_killed_in_its_middle_it_is_done_again(filled: App) -> None:
    image = image_of(filled, "ventas")
    image.file.unlink()
    words = ("repair", "ventas", "--from", "lote", "--apply")
    for moment in ("landing.files", "landing.indexing"):
        assert fluxion(filled.settings, *words, more={"FLUXION_FAILPOINT": moment}).code == -9
    assert fluxion(filled.settings, *words).code == 0
    assert not lost_images(filled, "ventas")
    assert whole(filled)

"""Images whose file is lost are made anew from a database that still holds them, row by row."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from fluxion_pipeline.cli.main import build
from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.contracts.outcomes import Fact, Outcome, SinkName
from fluxion_pipeline.contracts.tables import LANDED_TABLES, spec
from fluxion_pipeline.errors import ConvergenceError, OutboxError
from fluxion_pipeline.landing.compaction import compact
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.outbox import Landing
from fluxion_pipeline.landing.past import image_rows
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.doctor import State
from fluxion_pipeline.operations.explain import explain
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.operations.restore_images import lost_images
from fluxion_pipeline.parity.images import against_images
from fluxion_pipeline.sinks.changes import load_image
from fluxion_pipeline_tests.landing.test_compaction import MUCH_LATER, clock, home
from fluxion_pipeline_tests.landing.test_retention import Calendar
from fluxion_pipeline_tests.operations.test_repair import STOCK, filled
from fluxion_pipeline_tests.parity.both import Both
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.commands import environment, fluxion
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.patient import doctor
from fluxion_pipeline_tests.support.readings import stock

__all__ = ["clock", "filled", "home"]

DAMAGES = {
    "gone": lambda file: file.unlink(),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-20]),
    "other rows": lambda file: pq.write_table(pq.read_table(file).slice(1), file),
    "a byte turned": lambda file: file.write_bytes(bytes(b ^ 255 if n == 40 else b for n, b in enumerate(file.read_bytes()))),
    "a name that is another": lambda file: file.write_bytes(file.read_bytes().replace(b"_slice", b"_slicf")),
    "a name that is no text": lambda file: file.write_bytes(file.read_bytes().replace(b"_slice", b"\xfcslice")),
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


def test_every_damage_is_found_and_told_as_what_it_is(filled: App) -> None:
    for table in ("ventas", STOCK):
        image = image_of(filled, table)
        data = image.file.read_bytes()
        for how, damage in DAMAGES.items():
            damage(image.file)
            assert lost_images(filled, table) == (image,), how
            with duckdb.connect() as connection:
                if how != "other rows":
                    with pytest.raises(OutboxError, match="can't be read"):
                        image_rows(image)
                with pytest.raises(ConvergenceError) as told:
                    load_image(connection, spec(table), [image])
            assert f"fluxion repair {table} --from lote" in str(told.value), how
            image.file.unlink(missing_ok=True)
            image.file.write_bytes(data)
    assert not lost_images(filled, STOCK)


@pytest.mark.parametrize(("table", "how"), [("ventas", "gone"), (STOCK, "other rows")])
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
    DAMAGES["cut"](image_of(filled, "ventas").file)
    found = doctor(filled.settings)["images"]
    assert (found.state, found.found.split(":")[0]) == (State.FAILED, "2 files of the lotes are gone or cut off, of inventario_actual, ventas")
    assert typed(filled, *found.remedy.split(",")[0].split()[1:]).exit_code == 0
    found = doctor(filled.settings)["images"]
    assert typed(filled, *found.remedy.split(",")[0].split()[1:]).exit_code == 0
    assert doctor(filled.settings)["images"].state is State.OK


@pytest.fixture
def months(home: Home, clock: Calendar) -> App:
    """Two weeks of sales and a dozen ticks, in one file a table."""
    clock.now = MUCH_LATER
    assert compact(home.outbox, "SUC001")
    return home.app


def test_a_file_of_many_images_is_made_anew_and_outlives_the_index_and_a_sink(home: Home, months: App) -> None:
    lost = {t: {i.file: i for i in months.outbox.index.images("SUC001", t)} for t in ("ventas", "inventario_historico", "rechazos")}
    many = {t: max(files, key=lambda f: f.stat().st_size) for t, files in lost.items()}
    before = {(i.table, i.slice): (i.version, i.rows, i.digest) for i in months.outbox.index.images("SUC001")}
    late = stock("SUC001", "2025-11-02T0630", {"000001": 9, "000002": 9}, 50)
    for table, file in many.items():
        told = len([i for i in months.outbox.index.images("SUC001", table) if i.file == file])
        assert told > 3, table
        DAMAGES["a byte turned"](file)
        if table == "inventario_historico":
            with pytest.raises(OutboxError, match="fluxion repair inventario_historico"):
                home.land(late)
        done = typed(months, "repair", table, "--from", "lote", "--apply")
        assert (done.exit_code, done.stderr) == (0, ""), done.output
        assert f"{table}: {told} images made anew" in done.stdout
    (months.settings.home / "indice.sqlite").unlink()
    months.settings.duckdb_file.unlink()
    again = App(months.settings, months.clock)
    assert {(i.table, i.slice): (i.version, i.rows, i.digest) for i in again.outbox.index.images("SUC001")} == before
    initialise(again)
    bring_up(again, SinkName.DUCKDB, whole=True)
    assert {t: lost_images(again, t) for t in many} == dict.fromkeys(many, ())
    assert whole(again)
    home.app = again
    assert [x.outcome for x in home.land(late)] == [Outcome.COMPLETO]
    for sink in SinkName:
        home.converge(sink)
    assert whole(again)


def test_what_a_person_asks_leaves_out_files_that_cannot_be_read_and_names_them(filled: App) -> None:
    key = ["SUC001", "00000001", "1"]
    whole_story = explain(filled, "ventas", key)
    assert (len(whole_story.image), [e.what for e in whole_story.events], whole_story.lost) == (1, ["landed"], ())
    image = image_of(filled, "ventas")
    DAMAGES["a byte turned"](image.file)
    found = explain(filled, "ventas", key)
    assert (found.image, found.events, found.sinks) == ("can't be read", (), whole_story.sinks)
    assert found.lost == (str(image.file.relative_to(filled.outbox.root)),)
    said = typed(filled, "explain", "ventas", *key).stdout
    assert "image: can't be read" in said
    assert "nothing that can be read ever had this row" in said
    assert typed(filled, "repair", "ventas", "--from", "lote", "--apply").exit_code == 0
    found = explain(filled, "ventas", key)
    assert (found.image, [e.what for e in found.events]) == (whole_story.image, ["landed"])


def test_killed_in_its_middle_it_is_done_again(filled: App) -> None:
    image = image_of(filled, "ventas")
    image.file.unlink()
    words = ("repair", "ventas", "--from", "lote", "--apply")
    for moment in ("landing.files", "landing.indexing"):
        assert fluxion(filled.settings, *words, more={"FLUXION_FAILPOINT": moment}).code == -9
    assert fluxion(filled.settings, *words).code == 0
    assert not lost_images(filled, "ventas")
    assert whole(filled)

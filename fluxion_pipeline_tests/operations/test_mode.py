"""DB_MODE in motion: each change of mode first brings the new primary up to date, and every step is complete."""

from __future__ import annotations

from itertools import count

import pytest

from fluxion_pipeline.contracts.outcomes import Fact, Mode, SinkName
from fluxion_pipeline.errors import PermanentError
from fluxion_pipeline.operations import mode
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.home import DAY, Home
from fluxion_pipeline_tests.support.readings import invoices, sales

minutes = count(1)


def within(settings: Settings, name: str, **changes: object) -> Home:
    """The same home in another mode."""
    return Home(settings.model_copy(update={"db_mode": Mode(name), **changes}))


def run(home: Home, *numbers: int) -> None:
    """What a run does: enter the mode, land, write every active sink."""
    mode.enter(home.app)
    home.land(sales("SUC001", DAY, invoices(*numbers), next(minutes)))
    for sink in home.settings.db_mode.sinks:
        bring_up(home.app, sink)


def test_every_mode_can_follow_every_other_and_is_complete_at_once(pg_settings: Settings) -> None:
    for step, name in enumerate(("duckdb", "dual", "postgresql", "dual", "duckdb", "postgresql", "duckdb")):
        home = within(pg_settings, name)
        initialise(home.app)
        entered = mode.enter(home.app)
        assert entered is (step > 0)
        if step:
            home.assert_equal(home.settings.db_mode.primary)  # before anything new is read
        run(home, step, step + 1)
        home.assert_equal(*home.settings.db_mode.sinks)
        state = mode.state(home.app)
        assert (state.last, SinkName.DUCKDB in state.known) == (Mode(name), True)
        assert (SinkName.POSTGRESQL in state.known) is (step > 0)


def test_a_run_in_a_home_that_was_never_made_ready_says_what_to_do(duck_settings: Settings) -> None:
    home = within(duck_settings, "duckdb")
    with pytest.raises(PermanentError, match="is not ready") as caught:
        mode.enter(home.app)
    assert caught.value.remedy == "fluxion init"


def test_a_new_primary_that_is_away_stops_the_run_and_force_goes_on(pg_settings: Settings) -> None:
    home = within(pg_settings, "dual").ready()
    run(home, 1, 2)
    home.land(sales("SUC001", DAY, invoices(1, 2, 3), next(minutes)))
    bring_up(home.app, SinkName.DUCKDB)
    moved = within(pg_settings, "postgresql", postgres_port=9)
    with pytest.raises(PermanentError, match="whose primary postgresql lacks what was written before") as caught:
        mode.enter(moved.app)
    assert "fluxion sync --to postgresql" in caught.value.remedy
    assert mode.enter(moved.app, force=True)
    back = within(pg_settings, "postgresql")
    assert mode.enter(back.app)
    back.assert_equal(SinkName.POSTGRESQL)


def test_a_new_primary_with_a_damaged_image_stops_the_run(pg_settings: Settings) -> None:
    home = within(pg_settings, "duckdb").ready()
    run(home, 1, 2)
    (image,) = home.outbox.index.images("SUC001", Fact.VENTAS.value)
    image.file.write_bytes(b"")
    moved = within(pg_settings, "postgresql").ready()
    with pytest.raises(PermanentError, match="SUC001"):
        mode.enter(moved.app)


def test_a_sink_is_known_from_its_first_init_reached_or_not(pg_settings: Settings) -> None:
    home = within(pg_settings, "dual", postgres_port=9)
    (duckdb, postgresql) = initialise(home.app)
    assert duckdb.error is None
    assert postgresql.error is not None
    assert mode.state(home.app).known == (SinkName.DUCKDB, SinkName.POSTGRESQL)


def test_retiring_a_sink_forgets_it(pg_settings: Settings) -> None:
    home = within(pg_settings, "dual").ready()
    with pytest.raises(PermanentError, match="DB_MODE=dual writes postgresql"):
        mode.retire(home.app, SinkName.POSTGRESQL)
    alone = within(pg_settings, "duckdb")
    with pytest.raises(PermanentError, match="DuckDB is always known"):
        mode.retire(alone.app, SinkName.DUCKDB)
    assert mode.retire(alone.app, SinkName.POSTGRESQL)
    assert not mode.retire(alone.app, SinkName.POSTGRESQL)
    assert mode.state(alone.app).known == (SinkName.DUCKDB,)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"modo": "both", "conocidos": []}', '{"modo": null, "conocidos": ["oracle"]}'])
def test_a_damaged_memory_of_the_mode_is_an_error_with_a_remedy(duck_settings: Settings, text: str) -> None:
    home = within(duck_settings, "duckdb").ready()
    (home.settings.home / "modo.json").write_text(text)
    with pytest.raises(PermanentError, match="can't be read") as caught:
        mode.state(home.app)
    assert "fluxion init" in caught.value.remedy

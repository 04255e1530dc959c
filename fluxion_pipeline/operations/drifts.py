"""``deriva``, remembered: what somebody else had changed in a sink and the next lote undid, one line for each slice.

Before this: ``sinks.drift`` finds it and ``sinks.notes`` keeps it in the sink until it is here; after it: the
check ``deriva``, a run's metadata, status and explain.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.errors import SinkAway
from fluxion_pipeline.failpoints import passed
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.checks import CheckOutcome, Question, table_of
from fluxion_pipeline.operations.happenings import Event
from fluxion_pipeline.operations.linefile import LineFile
from fluxion_pipeline.pause import writing
from fluxion_pipeline.sinks import notes
from fluxion_pipeline.sinks.protocol import Drift, Edited
from fluxion_pipeline.sinks.slices import owner

FILE = "derivas.jsonl"
NEWS = timedelta(hours=24)
"""How long the check speaks of it."""


@dataclass(frozen=True)
class Noticed:
    """When a drift was found, in which sink, by which run (empty: by none of Dagster's); ``id``: the name of its note (empty: it had none)."""

    at: datetime
    sink: SinkName
    run_id: str
    drift: Drift
    id: str = ""

    @property
    def rows(self) -> int:
        """Rows of it."""
        return sum(self.drift.rows.values())

    @property
    def text(self) -> str:
        """What it is, in one line."""
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(self.drift.rows.items()))
        return f"{self.sink} {self.drift.table} {self.drift.slice}: {kinds}"


def take_over(app: App, sink: SinkName, waiting: Mapping[str, str]) -> None:
    """Remember what a sink has noted, and clear it there; with a full disk, or a sink that went away meanwhile, the notes stay and are met again."""
    lines = [{**json.loads(text), "id": name} for name, text in waiting.items()]
    if lines and LineFile(app.settings.home, FILE).add(lines):
        passed(f"{sink}.noted")
        with suppress(SinkAway), writing(app.settings.home):
            notes.clear(app.sink(sink), waiting.keys())


def noticed(home: Path, since: datetime | None = None) -> tuple[Noticed, ...]:
    """All that is remembered, oldest first; a line that a crash cut is passed over, and one that is there again."""
    found: dict[str, Noticed] = {}
    for number, line in enumerate(LineFile(home, FILE).lines()):
        item = _read(line)
        if item is not None and (since is None or item.at >= since):
            found.setdefault(item.id or str(number), item)
    return tuple(found.values())


def forget(home: Path, before: datetime) -> None:
    """Drop those of before an instant.

    Raises:
        BusyError: if somebody adds some for a minute.
        OSError: if the file can't be written anew; the old one stands.
    """
    LineFile(home, FILE).keep(lambda line: (item := _read(line)) is not None and item.at >= before)


def nobody_else_wrote(app: App, sink: SinkName, tables: Collection[str]) -> Question:
    """No lote of the last day had to undo what somebody else had changed."""

    def judge() -> CheckOutcome:
        found = [x for x in noticed(app.settings.home, app.clock() - NEWS) if x.sink is sink and x.drift.table in tables]
        rows = sum(x.rows for x in found)
        return CheckOutcome(
            not found,
            f"{rows} rows of {len(found)} slices were changed by somebody else, and are as they must be again" if found else "nobody else changed rows",
            {"filas_de_deriva": rows, "slices_con_deriva": len(found)},
            sample(found),
            serious=False,
            places={place: x.text for x in found if (place := owner(x.drift.table, x.drift.slice)) != "*"},
        )

    return Question((), judge)


def sample(found: Sequence[Noticed]) -> str:
    """A Markdown table of what had been changed; each row by what differs."""
    rows = [(x.at.isoformat(timespec="minutes"), x.drift.table, x.drift.slice, e.kind, *_shown(e)) for x in found for e in x.drift.sample]
    return table_of(("visto", "tabla", "slice", "qué", "como se escribió", "como estaba"), rows, sum(x.rows for x in found))


def events(home: Path, table: str, named: Mapping[str, str]) -> Iterator[Event]:
    """What somebody else did to one row, as far as it is in the samples."""
    for x in noticed(home):
        for e in x.drift.sample if x.drift.table == table else ():
            row = e.after or e.before or {}
            if all(row.get(k) == v for k, v in named.items()):
                was, became = _shown(e)
                at = x.at.isoformat()
                shown = {k: v for k, v in (e.after or {}).items() if k not in named and v is not None}
                note = f"deriva ({e.kind}), undone: as it was written: {was or 'no such row'}" + (f"; as it was found: {became}" if became else "")
                yield Event(0, at, "edited", x.drift.slice, shown or None, f"somebody else, in {x.sink}", note, at)


def _shown(edited: Edited) -> tuple[str, str]:
    """Both rows: all of it where there is one, else what differs, with the key."""
    before, after = edited.before, edited.after
    if before is None or after is None or before == after:
        return _text(before), _text(after)
    names = [n for n in before if before[n] != after.get(n)]
    return _text({n: before[n] for n in names}), _text({n: after.get(n) for n in names})


def _text(row: Mapping[str, str | None] | None) -> str:
    return ", ".join(f"{k}={v}" for k, v in (row or {}).items())


def _read(line: str) -> Noticed | None:
    try:
        data = json.loads(line)
        rows = {str(k): int(v) for k, v in data["filas"].items()}
        shown = tuple(Edited(e["que"], e["antes"], e["despues"]) for e in data["muestra"])
        drift = Drift(data["tabla"], data["slice"], rows, shown)
        return Noticed(datetime.fromisoformat(data["en"]), SinkName(data["base"]), data["run_id"], drift, data.get("id", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None

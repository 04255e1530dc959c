"""What a reading leaves in its slice, and which day a key belongs to: the state of a place in the landing model."""

from __future__ import annotations

from collections.abc import Iterable

from fluxion_pipeline_tests.support.landing_terms import DAY, Held, Line, Place, Reading, Reject, State


def day_end(day: int) -> int:
    return (day + 1) * DAY


def speaks_of(r: Reading, x: Line | Reject) -> bool:
    """A reading in full speaks of every row; one of a window, of rows whose instant lies in it."""
    return r.window is None or (x.hour is not None and r.window[0] <= x.hour < r.window[1])


def carries(r: Reading, key: str) -> bool:
    """Rejected is not absent: a rejected key keeps its row, an unreadable key keeps every row."""
    return any(x.key in (key, None) for x in r.rejects)


def tick_before(ticks: Iterable[int], tick: int) -> int | None:
    """The tick before, of any day."""
    return max((t for t in ticks if t < tick), default=None)


def before(u: Place, r: Reading) -> dict[str, Held]:
    """The state before a reading: the slice's own; for a tick that has none, that of the tick before."""
    if r.table == "ventas":
        return u.days.get(r.cut, {})
    return u.ticks.get(r.cut, u.ticks.get(tick_before(u.ticks, r.cut), {}))  # type: ignore[arg-type]


def merge(state: dict[str, Held], r: Reading) -> dict[str, Held]:
    """The answer, the rows that it doesn't speak of, and carried ones, which keep their instant."""
    fresh = {x.key: Held(x, r.read_at) for x in r.lines}
    foreign = {k: h for k, h in state.items() if not speaks_of(r, h.line)}
    carried = {k: h._replace(carried=True) for k, h in state.items() if speaks_of(r, h.line) and carries(r, k)}
    return foreign | carried | fresh


def merge_rejects(held: Iterable[Reject], r: Reading) -> frozenset[Reject]:
    """Rejects are cumulative as rows are: those that the answer speaks of, or whose key it has, make place."""
    keys = {x.key for x in r.lines} | {x.key for x in r.rejects if x.key}
    return frozenset(x for x in held if not speaks_of(r, x) and x.key not in keys) | r.rejects


def covered(until: int | None, r: Reading) -> int:
    """Until when a day is covered without a gap: never beyond the instant at which the reading began."""
    until = r.cut * DAY if until is None else until
    low, high = r.window or (r.cut * DAY, day_end(r.cut))
    return max(until, min(high, r.read_at, day_end(r.cut))) if low <= until else until


def owners(days: State) -> dict[str, int]:
    """A sales key belongs to the day of the newest reading that has it (a tie: to the later day)."""
    return {k: d for _, d, k in sorted((h.read_at, d, k) for d, lines in days.items() for k, h in lines.items())}


def applied(days: State, day: int) -> dict[str, Held]:
    """A day's rows but the displaced ones, which stay in its image and come back when the other day drops them."""
    owner = owners(days)
    return {k: h for k, h in days.get(day, {}).items() if owner[k] == day}

"""The rules of landing as an executable model: what the outbox is proven against. It shares nothing with the code.

Time is a whole number: a business day ``d`` is ``[d * DAY, (d + 1) * DAY)``, a tick is an instant. A
location's state is what its own readings say (``days``, ``ticks``); its images are a pure function of
that state; a lote is the difference. Everything else is a rule with a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from fluxion_pipeline_tests.support.landing_terms import Coverage, Held, Landing, Line, Lote, Place, Reading, Reject, State, telling

DAY, MARGIN = 10, 2
"""Length of a day; how long after its end a reading may begin that closes it."""
MANY_PARTIAL, MANY, ALIKE, NEARLY = 3, 4, 3, 0.9
"""From how many rows on "more than half" means something; small, so that small examples meet them."""
GOOD = {"completo", "vacio", "en_curso"}
"""The outcomes that change facts."""


# ── outcomes ────────────────────────────────────────────────────────────────────────────────
def day_end(day: int) -> int:
    return (day + 1) * DAY


def base_outcome(u: Place, r: Reading) -> str:
    """What a reading came to, suspicion aside. A window leaves a closed day closed."""
    n = len(r.lines) + len(r.rejects)
    if r.answer != "entera":
        return r.answer
    if r.rejects and (not r.lines or (n >= MANY_PARTIAL and 2 * len(r.rejects) > n)):
        return "parcial"
    if r.table == "stock":
        return "completo"
    _, before = u.standing.get(r.slice, (None, "en_curso"))
    if r.window:
        return "completo" if before == "vacio" and r.lines else before
    if r.read_at < day_end(r.cut) + MARGIN:
        return "en_curso"
    return "completo" if r.lines else "vacio"


def suspicion(landing: Landing, r: Reading) -> str | None:
    """Why a reading is held back. Counted are the rows that the sinks hold of what the reading speaks of."""
    u = landing.get(r.place, Place())
    n = len(r.lines) + len(r.rejects)
    others = {name: o for name, o in sorted(landing.items()) if name != r.place and r.slice in o.standing}
    if n >= MANY and r.table == "ventas" and (twins := [name for name, o in others.items() if sold_alike(o, r)]):
        return f"gemela {twins[0]}"
    if n >= MANY and r.table == "stock" and stocked_alike(landing, u, r):
        return "gemela"
    if r.table == "stock":
        return stock_suspicion(n, len(before(u, r)), all(x.value == 0 for x in r.lines))
    had = {k for k, h in applied(u.days, r.cut).items() if speaks_of(r, h.line)}
    if had and n == 0:
        return "sin filas"
    gone = had - merge(before(u, r), r).keys()
    elsewhere = {x for name, o in landing.items() if name != r.place for x in lines_of(o, r.cut) | claimed(o, u, r)}
    foreign = {k for k in gone if u.days[r.cut][k].line in elsewhere}
    had, gone = had - foreign, gone - foreign
    return "quita" if r.read_at >= day_end(r.cut) and len(had) >= MANY and 2 * len(gone) > len(had) else None


def sold_alike(o: Place, r: Reading) -> bool:
    """Whether a reading of sales says what another place has.

    All of it; or more than half of the lines that the other may know are its lines, too. Unless the other's
    newest answer, itself held back, has them no longer.
    """
    standing, came_to = o.standing[r.slice]
    shared = r.lines
    if standing.lines != r.lines:
        until = None if came_to in ("completo", "vacio") else o.coverage[r.slice].until
        known = {x for x in r.lines if until is None or x.hour < until}
        shared = frozenset(known & lines_of(o, r.cut))
        if len(shared) < ALIKE or 2 * len(shared) <= len(known):
            return False
    return not taken_back(o, r, shared)


def stocked_alike(landing: Landing, u: Place, r: Reading) -> bool:
    """Whether a reading of stock says what another place has.

    All of it is another's of the same tick; or nearly all of it that tells something is another's newest, and
    the place had many of its own, of which not half are as they were.
    """
    had, there = telling(h.line for h in before(u, r).values()), telling(r.lines)
    others = [o for name, o in landing.items() if name != r.place]
    if any(r.slice in o.standing and o.standing[r.slice][0].lines == r.lines for o in others):
        return True
    if 2 * len(there & had) > len(there):
        return False
    newest = ({h.line for h in o.ticks[max(o.ticks)].values()} for o in others if o.ticks)
    return min(len(had), len(there)) >= MANY and any(len(there & lines) >= NEARLY * len(there) for lines in newest)


def taken_back(o: Place, r: Reading, shared: frozenset[Line]) -> bool:
    """What stands at the other place is no evidence where its newest answer no longer says it."""
    newest, came_to = o.newest[r.slice]
    if came_to != "sospechoso" or o.verified.get(r.slice, -1) >= newest.read_at or len(newest.lines) < ALIKE:
        return False
    spoken = {x for x in shared if speaks_of(newest, x)}
    return bool(spoken) and 2 * len(spoken & newest.lines) <= len(spoken)


def claimed(o: Place, u: Place, r: Reading) -> frozenset[Line]:
    """The lines of another's newest answer, held back as this one's twin; believed where this one's answer isn't what it has either."""
    newest, _ = o.newest.get(r.slice, (r, ""))
    held = o.why.get(r.slice) == f"gemela {r.place}" and o.verified.get(r.slice, -1) < newest.read_at
    return newest.lines if held and 2 * len(r.lines & lines_of(u, r.cut)) < len(r.lines) else frozenset()


def lines_of(o: Place, day: int) -> set[Line]:
    """The lines that stand in a place's day."""
    return {h.line for h in applied(o.days, day).values()}


def stock_suspicion(n: int, m: int, zero: bool) -> str | None:
    if n == 0:
        return "sin existencias"
    if n >= MANY and zero:
        return "todo en cero"
    return "tamaño" if m and max(n, m) >= MANY and (2 * n < m or n > 2 * m) else None


def outcome(landing: Landing, r: Reading) -> str:
    """A good reading that is suspicious is held back, unless a person accepts it."""
    plain = base_outcome(landing.get(r.place, Place()), r)
    return "sospechoso" if plain in GOOD and r.provenance != "accept" and suspicion(landing, r) else plain


def is_past(u: Place, r: Reading) -> bool:
    """A slice is replaced only by a reading that began after the last one that showed it as it stands."""
    return r.read_at <= u.verified.get(r.slice, -1)


def is_standing(u: Place, r: Reading) -> bool:
    """Nothing new: what stands was read again, with the outcome that it has without suspicion."""
    standing, came_to = u.standing.get(r.slice, (None, None))
    return standing is not None and standing.content == r.content and came_to == base_outcome(u, r)


def is_repeated(u: Place, r: Reading, came_to: str) -> bool:
    """Nothing new: a reading that isn't applied, met before, or just like the newest attempt."""
    newest, was = u.newest.get(r.slice, (None, None))
    return (r.slice, r.read_at, r.content) in u.known or (newest is not None and (newest.content, was) == (r.content, came_to))


# ── what a reading leaves in its slice ──────────────────────────────────────────────────────
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


# ── keys that move, history, images ─────────────────────────────────────────────────────────
def owners(days: State) -> dict[str, int]:
    """A sales key belongs to the day of the newest reading that has it (a tie: to the later day)."""
    return {k: d for _, d, k in sorted((h.read_at, d, k) for d, lines in days.items() for k, h in lines.items())}


def applied(days: State, day: int) -> dict[str, Held]:
    """A day's rows but the displaced ones, which stay in its image and come back when the other day drops them."""
    owner = owners(days)
    return {k: h for k, h in days.get(day, {}).items() if owner[k] == day}


def tick_before_today(ticks: Iterable[int], tick: int) -> int | None:
    return tick_before({t for t in ticks if t // DAY == tick // DAY}, tick)


def history(ticks: State, tick: int) -> dict[str, tuple[int | None, str]]:
    """A tick's change rows against the tick before of its day; the first of a day is a keyframe."""
    now = {k: h.line.value for k, h in ticks[tick].items()}
    previous = tick_before_today(ticks, tick)
    if previous is None:
        return {k: (v, "clave") for k, v in now.items()}
    then = {k: h.line.value for k, h in ticks[previous].items()}
    changes: dict[str, tuple[int | None, str]] = {k: (v, "cambio") for k, v in now.items() if then.get(k) != v}
    return changes | {k: (None, "baja") for k in then.keys() - now.keys()}


def images(u: Place) -> dict[Any, dict[Any, Any]]:
    """Every slice as it must be. ``actual`` is the newest tick; each tick has its line in ``cortes``."""
    result: dict[Any, dict[Any, Any]] = {("ventas", d): {k: h.line for k, h in applied(u.days, d).items()} for d in u.days}
    result |= {("historico", t): history(u.ticks, t) for t in u.ticks}
    result |= {("cortes", t): {t: (tick_before_today(u.ticks, t) is None, len(u.ticks[t]))} for t in u.ticks}
    if u.ticks:
        result["actual", 0] = {k: h.line for k, h in u.ticks[max(u.ticks)].items()}
    result |= {("cobertura", s): {s: c} for s, c in u.coverage.items()}
    return result | {("rechazos", s): {x.raw: x for x in found} for s, found in u.rejects.items()}


# ── landing ─────────────────────────────────────────────────────────────────────────────────
def apply(u: Place, r: Reading, came_to: str) -> Place:
    """The reading stands: its slice, its coverage and its rejects are what it says."""
    s, state, stood = r.slice, merge(before(u, r), r), r.slice in u.standing
    rejects = merge_rejects(u.rejects.get(s, ()) if stood else (), r)
    carried = sum(h.carried for h in state.values())
    loaded = len(state) - carried
    until = covered(u.coverage[s].until if stood else None, r) if r.table == "ventas" else None
    line = Coverage(came_to, loaded + len(rejects), loaded, len(rejects), 0, carried, until)
    u = replace(u, standing=u.standing | {s: (r, came_to)}, verified=u.verified | {s: r.read_at})
    return replace(put(u, r, state), coverage=u.coverage | {s: line}, rejects=u.rejects | {s: rejects})


def note(u: Place, r: Reading, came_to: str) -> Place:
    """A reading that isn't applied is evidence; coverage and rejects tell of it only where none stands yet."""
    if r.slice in u.standing or r.read_at < u.newest.get(r.slice, (r,))[0].read_at:
        return u
    line = Coverage(came_to, len(r.lines) + len(r.rejects), rejected=len(r.rejects), held_back=len(r.lines))
    return replace(u, coverage=u.coverage | {r.slice: line}, rejects=u.rejects | {r.slice: r.rejects})


def repair(u: Place, r: Reading) -> Place:
    """A sink's rows become the image: displaced rows stay, equal rows keep their instant; what stands still stands."""
    state = before(u, r)
    own = applied(u.days, r.cut) if r.table == "ventas" else state
    result = {k: h for k, h in state.items() if k not in own}
    result |= {x.key: own[x.key] if x.key in own and own[x.key].line == x else Held(x, r.read_at) for x in r.lines}
    return replace(put(u, r, result), verified=u.verified | {r.slice: r.read_at})


def put(u: Place, r: Reading, state: dict[str, Held]) -> Place:
    return replace(u, days=u.days | {r.cut: state}) if r.table == "ventas" else replace(u, ticks=u.ticks | {r.cut: state})


def attempt(u: Place, r: Reading, came_to: str, why: str | None = None) -> Place:
    """Attempts are kept outside of lotes: each is known from now on, the newest is at hand."""
    if (r.slice, r.read_at, r.content) in u.known:
        return u
    u = replace(u, known=u.known | {(r.slice, r.read_at, r.content)})
    if r.slice in u.newest and u.newest[r.slice][0].read_at > r.read_at:
        return u
    return replace(u, newest=u.newest | {r.slice: (r, came_to)}, why=u.why | {r.slice: why})


def land(landing: Landing, r: Reading) -> tuple[Landing, Lote | None]:
    """One reading decides: the landing after it, and its lote if it is anything new."""
    u = landing.get(r.place, Place())
    repairs = r.provenance == "repair"
    if not repairs and is_standing(u, r):
        seen = max(r.read_at, u.verified[r.slice])
        return landing | {r.place: replace(attempt(u, r, u.standing[r.slice][1]), verified=u.verified | {r.slice: seen})}, None
    came_to = "reparacion" if repairs else outcome(landing, r)
    why = suspicion(landing, r) if came_to == "sospechoso" else None
    stands = (came_to in GOOD or repairs) and not is_past(u, r)
    if not stands and is_repeated(u, r, came_to):
        return landing | {r.place: attempt(u, r, came_to, why)}, None
    changed = note(u, r, came_to) if not stands else repair(u, r) if repairs else apply(u, r, came_to)
    return write(landing, r, changed if repairs else attempt(changed, r, came_to, why), came_to, stands)


def write(landing: Landing, r: Reading, u: Place, came_to: str, stands: bool) -> tuple[Landing, Lote]:
    """A lote: the slices whose rows changed, all of them in one, under the next version."""
    version = u.sequence + 1
    changed = {s: (version, rows) for s, rows in images(u).items() if u.images.get(s, (0, None))[1] != rows}
    return landing | {r.place: replace(u, sequence=version, images=u.images | changed)}, Lote(version, came_to, stands, changed)

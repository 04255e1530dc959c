"""The rules of landing as an executable model: what the outbox is proven against. It shares nothing with the code.

Time is a whole number: a business day ``d`` is ``[d * DAY, (d + 1) * DAY)``, a tick is an instant. A
location's state is what its own readings say (``days``, ``ticks``); its images are a pure function of
that state; a lote is the difference. Everything else is a rule with a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from fluxion_pipeline_tests.support.landing_state import applied, before, covered, day_end, merge, merge_rejects, owners, tick_before
from fluxion_pipeline_tests.support.landing_suspicion import alike, overruling, suspicion
from fluxion_pipeline_tests.support.landing_terms import ALIKE, DAY, MANY, MANY_PARTIAL, MARGIN, NEAR, Coverage, Held, Landing, Lote, Place, Reading, State

__all__ = ["ALIKE", "DAY", "GOOD", "MANY", "MANY_PARTIAL", "NEAR", "images", "land", "owners"]

GOOD = {"completo", "vacio", "en_curso"}
"""The outcomes that change facts."""


# ── outcomes ────────────────────────────────────────────────────────────────────────────────
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


def outcome(landing: Landing, r: Reading) -> str:
    """A good reading that is suspicious is held back, unless a person accepts it."""
    plain = base_outcome(landing.get(r.place, Place()), r)
    return "sospechoso" if plain in GOOD and r.provenance != "accept" and suspicion(landing, r) else plain


def is_past(u: Place, r: Reading) -> bool:
    """A slice is replaced only by a reading that began after the last one that showed it as it stands."""
    return r.read_at <= u.verified.get(r.slice, -1)


def is_standing(landing: Landing, r: Reading) -> bool:
    """Nothing new: what stands was read again, with the outcome that it has without suspicion; unless it is another's by now."""
    u = landing.get(r.place, Place())
    standing, came_to = u.standing.get(r.slice, (None, None))
    same = standing is not None and standing.content == r.content and came_to == base_outcome(u, r)
    return same and not overruling(landing, r.place, r.slice)


def is_repeated(u: Place, r: Reading, came_to: str) -> bool:
    """Nothing new: a reading that isn't applied, met before, or just like the newest attempt."""
    newest, was = u.newest.get(r.slice, (None, None))
    return (r.slice, r.read_at, r.content) in u.known or (newest is not None and (newest.content, was) == (r.content, came_to))


# ── history, images ─────────────────────────────────────────────────────────────────────────
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
def apply(landing: Landing, r: Reading, came_to: str) -> Place:
    """The reading stands: its slice, its coverage and its rejects are what it says; sales that another place has are that one's no longer."""
    u = landing.get(r.place, Place())
    over = u.over.get(r.slice, {}) | ({name: r.read_at for name in alike(landing, r)} if r.table == "ventas" else {})
    s, state, stood = r.slice, merge(before(u, r), r), r.slice in u.standing
    rejects = merge_rejects(u.rejects.get(s, ()) if stood else (), r)
    carried = sum(h.carried for h in state.values())
    loaded = len(state) - carried
    until = covered(u.coverage[s].until if stood else None, r) if r.table == "ventas" else None
    line = Coverage(came_to, loaded + len(rejects), loaded, len(rejects), 0, carried, until)
    u = replace(u, standing=u.standing | {s: (r, came_to)}, verified=u.verified | {s: r.read_at})
    return replace(put(u, r, state), coverage=u.coverage | {s: line}, rejects=u.rejects | {s: rejects}, over=u.over | {s: over})


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
    if not repairs and is_standing(landing, r):
        seen = max(r.read_at, u.verified[r.slice])
        return landing | {r.place: replace(attempt(u, r, u.standing[r.slice][1]), verified=u.verified | {r.slice: seen})}, None
    came_to = "reparacion" if repairs else outcome(landing, r)
    why = suspicion(landing, r) if came_to == "sospechoso" else None
    stands = (came_to in GOOD or repairs) and not is_past(u, r)
    if not stands and is_repeated(u, r, came_to):
        return landing | {r.place: attempt(u, r, came_to, why)}, None
    changed = note(u, r, came_to) if not stands else repair(u, r) if repairs else apply(landing, r, came_to)
    return write(landing, r, changed if repairs else attempt(changed, r, came_to, why), came_to, stands)


def write(landing: Landing, r: Reading, u: Place, came_to: str, stands: bool) -> tuple[Landing, Lote]:
    """A lote: the slices whose rows changed, all of them in one, under the next version."""
    version = u.sequence + 1
    changed = {s: (version, rows) for s, rows in images(u).items() if u.images.get(s, (0, None))[1] != rows}
    return landing | {r.place: replace(u, sequence=version, images=u.images | changed)}, Lote(version, came_to, stands, changed)

"""Why a reading is held back, in the landing model: sizes, and places that say what another one has."""

from __future__ import annotations

from fluxion_pipeline_tests.support.landing_state import applied, before, day_end, merge, speaks_of
from fluxion_pipeline_tests.support.landing_terms import ALIKE, DAY, MANY, NEAR, NEARLY, Landing, Line, Place, Reading, Slice, telling

Doubt = tuple[int, str]
"""When a place answered as another one, and the place that its lines named."""
NEVER: Doubt = (-1, "")


def suspicion(landing: Landing, r: Reading) -> str | None:
    """Why a reading is held back. Counted are the rows that the sinks hold of what the reading speaks of."""
    u = landing.get(r.place, Place())
    n = len(r.lines) + len(r.rejects)
    if (other := named(landing, r)) or (other := next((x for x in alike(landing, r) if not is_believed(landing, r, x)), None)):
        return f"gemela {other}"
    if other := awaited(landing, r):
        return f"espera {other}"
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


def stock_suspicion(n: int, m: int, zero: bool) -> str | None:
    if n == 0:
        return "sin existencias"
    if n >= MANY and zero:
        return "todo en cero"
    return "tamaño" if m and max(n, m) >= MANY and (2 * n < m or n > 2 * m) else None


# ── who says what another one has ───────────────────────────────────────────────────────────
def named(landing: Landing, r: Reading) -> str | None:
    """The other place as whose own its lines are named, where names tell anything."""
    return None if r.names == r.place or len(r.lines) < ALIKE or not names_tell(landing, r) else r.names


def names_tell(landing: Landing, r: Reading) -> bool:
    """Whether the names on a reading's lines tell anything: another one's day bears its own."""
    return r.names is not None and any(s[0] == "ventas" and x.names == name != r.names for name, o in landing.items() for s, (x, _) in o.standing.items())


def alike(landing: Landing, r: Reading) -> list[str]:
    """The other places of which a reading says what they have; few rows may be alike by chance."""
    if len(r.lines) + len(r.rejects) < MANY:
        return []
    others = [(name, o) for name, o in sorted(landing.items()) if name != r.place]
    if r.table == "ventas":
        return [name for name, o in others if r.slice in o.standing and sold_alike(o, r)]
    return [name for name, o in others if stocked_alike(landing, name, r)]


def sold_alike(o: Place, r: Reading) -> bool:
    """Whether a reading of sales says what another place has.

    All of it; or more than half of the lines that the other may know are its lines, too. Unless the other's
    newest answer, itself held back, has them no longer.
    """
    shared = r.lines
    if o.standing[r.slice][0].lines != r.lines:
        known = knows(o, r)
        shared = frozenset(known & lines_of(o, r.cut))
        if len(shared) < ALIKE or 2 * len(shared) <= len(known):
            return False
    return not taken_back(o, r, shared)


def knows(o: Place, r: Reading) -> set[Line]:
    """The lines that another place could have: of a closed day all, of an open one those before its watermark."""
    if r.slice not in o.standing:
        return set()
    until = None if o.standing[r.slice][1] in ("completo", "vacio") else o.coverage[r.slice].until
    return {x for x in r.lines if until is None or x.hour < until}


def stocked_alike(landing: Landing, name: str, r: Reading) -> bool:
    """Whether a reading of stock says what another place has.

    All of it is the other's of the same tick; or nearly all of it that tells something is the other's newest,
    and the place had many of its own, of which not half are as they were, or is in doubt as to that other one.
    """
    u, o = landing.get(r.place, Place()), landing[name]
    if r.slice in o.standing and o.standing[r.slice][0].lines == r.lines:
        return True
    had, there = telling(h.line for h in before(u, r).values()), telling(r.lines)
    left = len(had) >= MANY and 2 * len(there & had) <= len(there)
    if not o.ticks or len(there) < MANY or not (left or name in doubts(landing, r.place, r)):
        return False
    return len(there & {h.line for h in o.ticks[max(o.ticks)].values()}) >= NEARLY * len(there)


def taken_back(o: Place, r: Reading, shared: frozenset[Line]) -> bool:
    """What stands at the other place is no evidence where its newest answer no longer says it."""
    newest, came_to = o.newest[r.slice]
    if came_to != "sospechoso" or not is_held(o, r.slice) or len(newest.lines) < ALIKE:
        return False
    spoken = {x for x in shared if speaks_of(newest, x)}
    return bool(spoken) and 2 * len(spoken & newest.lines) <= len(spoken)


def claimed(o: Place, u: Place, r: Reading) -> frozenset[Line]:
    """The lines of another's newest answer, held back as this one's twin; believed where this one's answer isn't what it has either."""
    held = o.why.get(r.slice) == f"gemela {r.place}" and is_held(o, r.slice)
    return o.newest[r.slice][0].lines if held and 2 * len(r.lines & lines_of(u, r.cut)) < len(r.lines) else frozenset()


def lines_of(o: Place, day: int) -> set[Line]:
    """The lines that stand in a place's day."""
    return {h.line for h in applied(o.days, day).values()}


def is_held(u: Place, s: Slice) -> bool:
    """Whether a slice's newest answer is held back, and nothing stood since."""
    return u.why.get(s) is not None and u.verified.get(s, -1) < u.newest[s][0].read_at


# ── whose it is ─────────────────────────────────────────────────────────────────────────────
def is_believed(landing: Landing, r: Reading, name: str) -> bool:
    """Whether what two places have is the one's that says it now: by the names on the lines, where they tell, else by who was told last to be the other."""
    stands = landing[name].standing.get(r.slice)
    if r.names in (r.place, name) and stands and stands[0].names == r.names and names_tell(landing, r):
        return r.names == r.place
    return doubts(landing, name, r).get(r.place, NEVER)[0] > doubts(landing, r.place, r).get(name, NEVER)[0]


def awaited(landing: Landing, r: Reading) -> str | None:
    """The place that a reading may be of, since near that day the place's sales were, under the same names: until it is known what that one has itself.

    Nobody waits for a place that is in doubt itself.
    """
    if len(r.lines) + len(r.rejects) < MANY:
        return None
    near = sorted(x for x, (_, names) in doubts(landing, r.place, r).items() if names == (r.names or "") or r.table == "stock")
    return next((x for x in near if not doubts(landing, x, r) and is_unknown(landing.get(x, Place()), r)), None)


def is_unknown(o: Place, r: Reading) -> bool:
    """Whether too little is known of what another place has: no stock ever, or of the lines almost none."""
    return not o.ticks if r.table == "stock" else len(knows(o, r)) < ALIKE


def doubts(landing: Landing, place: str, r: Reading) -> dict[str, Doubt]:
    """As whom a place answered with its sales of days near that of a reading: held back as its twin, or overruled by it."""
    day, u = r.cut if r.table == "ventas" else r.cut // DAY, landing.get(place, Place())
    near = [("ventas", d) for d in range(day - NEAR, day + NEAR + 1)]
    held = [(why.removeprefix("gemela "), u.newest[s][0]) for s in near if (why := u.why.get(s) or "").startswith("gemela") and is_held(u, s)]
    told = [(name, (x.read_at, x.names or "")) for name, x in held]
    told += [(name, (at, u.standing[s][0].names or "")) for s in near for name, at in overruling(landing, place, s).items()]
    return {name: max(doubt for n, doubt in told if n == name) for name, _ in told}


def overruling(landing: Landing, place: str, s: Slice) -> dict[str, int]:
    """Who landed what a place has, being believed, since that place's own landed."""
    stood = landing.get(place, Place()).standing.get(s)
    over = {name: o.over.get(s, {}).get(place, -1) for name, o in landing.items()}
    return {name: at for name, at in over.items() if stood and at >= stood[0].read_at}

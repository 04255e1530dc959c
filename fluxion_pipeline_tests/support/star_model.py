"""The rules of the dimensions as an executable model, beside ``landing_model``: who writes products and the map of locations.

The catalogue's rows go over those that stand, and nothing is deleted; products that facts met first are
added flagged, at the end of a run; the map is one image. Shares nothing with the code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from fluxion_pipeline_tests.support.landing_model import GOOD, MANY_PARTIAL
from fluxion_pipeline_tests.support.landing_terms import Coverage

FACT = ("productos", 0)


@dataclass(frozen=True)
class Catalogue:
    """A reading of the catalogue: (code, number in its description) of each product, and raw rejected rows."""

    read_at: int
    products: frozenset[tuple[str, int]] = frozenset()
    rejects: frozenset[str] = frozenset()
    answer: str = "entera"
    provenance: str = "normal"

    @property
    def content(self) -> tuple[Any, ...]:
        return self.products, self.rejects, self.answer


@dataclass(frozen=True)
class Star:
    """What landing knows of ``*``. A product is code → (number in its description; None: met by a fact first)."""

    sequence: int = 0
    products: dict[str, int | None] | None = None
    places: frozenset[Any] | None = None
    repairs: tuple[tuple[str, str], ...] = ()
    standing: tuple[Any, str] | None = None
    verified: int | None = None
    newest: tuple[Catalogue, str] | None = None
    known: frozenset[Any] = frozenset()
    coverage: Coverage | None = None
    rejects: frozenset[str] | None = None
    images: dict[Any, tuple[int, Any]] = field(default_factory=dict)


def base_outcome(c: Catalogue) -> str:
    good, wrong = len(c.products), len(c.rejects)
    if c.answer != "entera":
        return c.answer
    return "parcial" if wrong and (not good or (good + wrong >= MANY_PARTIAL and 2 * wrong > good + wrong)) else "completo"


def read(star: Star, c: Catalogue) -> tuple[Star, bool, str]:
    """The star after a reading of the catalogue, whether it wrote a lote, and what the reading came to."""
    came_to = base_outcome(c)
    if star.standing == (c.content, came_to):
        return replace(attempt(star, c, came_to), verified=max(star.verified or 0, c.read_at)), False, came_to
    if came_to in GOOD and not c.products and star.products and c.provenance != "accept":
        came_to = "sospechoso"
    if came_to in GOOD and (star.verified is None or c.read_at > star.verified):
        products = {**(star.products or {}), **dict(c.products)}
        line = Coverage(came_to, len(c.products) + len(c.rejects), len(c.products), len(c.rejects))
        star = replace(star, products=products, standing=(c.content, came_to), verified=c.read_at, coverage=line, rejects=c.rejects)
    else:
        newest = star.newest and (star.newest[0].content, star.newest[1])
        if (c.read_at, c.content) in star.known or newest == (c.content, came_to):
            return attempt(star, c, came_to), False, came_to
        older = star.newest is not None and c.read_at < star.newest[0].read_at
        if star.standing is None and not older:
            line = Coverage(came_to, len(c.products) + len(c.rejects), rejected=len(c.rejects), held_back=len(c.products))
            star = replace(star, coverage=line, rejects=c.rejects)
    return write(attempt(star, c, came_to)), True, came_to


def attempt(star: Star, c: Catalogue, came_to: str) -> Star:
    if (c.read_at, c.content) in star.known:
        return star
    newest = star.newest if star.newest and star.newest[0].read_at > c.read_at else (c, came_to)
    return replace(star, known=star.known | {(c.read_at, c.content)}, newest=newest)


def meet(star: Star, codes: Iterable[str]) -> tuple[Star, int]:
    """The end of a run: products that facts named and nobody knows are added, flagged; how many were."""
    new = {code: None for code in codes if code not in (star.products or {})}
    return (write(replace(star, products={**(star.products or {}), **new})), len(new)) if new else (star, 0)


def know(star: Star, places: frozenset[Any]) -> tuple[Star, bool]:
    """The map of locations, as it is now; whether it differs from what landed."""
    return (star, False) if places == star.places else (write(replace(star, places=places)), True)


def repaired(star: Star, lines: Iterable[tuple[str, str]]) -> Star:
    """What a repair wrote is told by a line for each (sink, table)."""
    return write(replace(star, repairs=(*star.repairs, *lines)))


def images(star: Star) -> dict[Any, Any]:
    found = {
        ("productos", 0): star.products,
        ("ubicaciones", 0): star.places,
        ("reparaciones", 0): star.repairs or None,
        ("cobertura", FACT): star.coverage and {FACT: star.coverage},
        ("rechazos", FACT): star.rejects,
    }
    return {s: rows for s, rows in found.items() if rows is not None}


def write(star: Star) -> Star:
    """A lote: the slices whose rows changed, under the next version."""
    version = star.sequence + 1
    changed = {s: (version, rows) for s, rows in images(star).items() if star.images.get(s, (0, None))[1] != rows}
    return replace(star, sequence=version, images=star.images | changed)

"""Readings of the model in a few letters: ``said("stock", 1, 5, "a3 b0", "c ?")``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fluxion_pipeline_tests.support.landing_terms import DAY, Line, Reading, Reject


def said(table: str, cut: int, read_at: int, lines: str = "", wrong: str = "", **more: Any) -> Reading:
    """Rows a=3 and b=0, a rejected row of key c and one of an unreadable key; sales are of their day's first hour."""
    hour = DAY * cut if table == "ventas" else 0
    rejects = frozenset(Reject(x, None if x == "?" else x) for x in wrong.split())
    return Reading(table, cut, read_at, frozenset(Line(x[0], int(x[1:]), hour) for x in lines.split()), rejects, **more)


def lines(read_at: int, *found: tuple[str, int, int], rejects: tuple[Reject, ...] = (), **more: Any) -> Reading:
    """Sales of day 0 with (key, value, hour)."""
    return replace(said("ventas", 0, read_at, **more), lines=frozenset(Line(*x) for x in found), rejects=frozenset(rejects))

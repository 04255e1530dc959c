"""A function of the program with one piece of its text in another's place: what a test of the tests puts where a rule was."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any


def rewritten(owner: Any, name: str, old: str, new: str) -> Callable[..., Any]:
    """The function ``name`` of a module or class, rewritten; a piece that isn't there any more is an error of the test."""
    function = inspect.unwrap(vars(owner)[name])
    source = textwrap.dedent(inspect.getsource(function))
    assert old in source, f"{name} says no longer: {old}"
    found: dict[str, Any] = {}
    exec(compile(source.replace(old, new), inspect.getfile(function), "exec"), function.__globals__, found)
    return found[name]  # type: ignore[no-any-return]

"""What a file's header must be: every column of the layout, none twice; more columns are named.

The errors of a whole file live here too: ``Unusable`` is why nothing of a file can be believed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fluxion_pipeline.contracts.rules.layout import Layout
from fluxion_pipeline.contracts.rules.text import WHITESPACE


class Unusable(Exception):
    """A file of which no row can be believed; its text is the reason. Ends as an answer ``parcial``."""


@dataclass(frozen=True)
class Header:
    """A header that is in order.

    Attributes:
        names: the columns' names, trimmed, unique; a column without a name is ``columna <n>``.
        ignored: those that the layout doesn't know.
    """

    names: tuple[str, ...]
    ignored: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence that names the ignored columns, if there are any."""
        return (f"ignored columns: {', '.join(self.ignored)}",) if self.ignored else ()


def check(found: Sequence[str], layout: Layout) -> Header:
    """The header of a file, in its order.

    Raises:
        Unusable: naming the columns that are missing, or there twice.
    """
    trimmed = [name.strip(WHITESPACE).replace("\x00", "\\u0000") for name in found]
    twice = [name for name, times in Counter(n for n in trimmed if n).items() if times > 1]
    if twice:
        raise Unusable(f"column {', '.join(twice)} stands more than once in the header")
    missing = [name for name in layout.sources if name not in trimmed]
    if missing:
        raise Unusable(f"missing column {', '.join(missing)}; the header has: {', '.join(trimmed)[:300]}")
    names = [name or f"columna {i}" for i, name in enumerate(trimmed, 1)]
    return Header(tuple(names), tuple(n for n in names if n not in layout.by_source))

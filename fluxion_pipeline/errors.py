"""The errors that reach a person: what went wrong, and one thing to do about it.

Every error raised on purpose is a ``FluxionError``. Drivers' errors are mapped to one of these at
the driver's edge (``sinks``, ``sources``), so that callers can tell what may be tried again
(``TransientError``) from what a person has to mend (``PermanentError``).
"""

from __future__ import annotations


class FluxionError(Exception):
    """Something went wrong that a person can act upon.

    Args:
        what: the cause, with the location, slice or file that it concerns.
        remedy: one thing to do next, as a sentence or a command.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        """Keep cause and remedy apart, so that each surface can lay them out in its own way."""
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        """The cause, then the remedy."""
        return f"{self.what} → {self.remedy}" if self.remedy else self.what


class TransientError(FluxionError):
    """May succeed when tried again without anybody changing anything."""


class PermanentError(FluxionError):
    """Will fail again until a person changes something."""


class SettingsError(PermanentError):
    """The environment asks for something that can't be."""


class ContractError(PermanentError):
    """Data or code breaks a contract between two stages."""


class LocationError(PermanentError):
    """``ubicaciones.csv`` is wrong, or a location isn't in it."""


class SinkAway(TransientError):
    """A sink can't be used now: unreachable, locked, or its schema is not at head."""

    def __init__(self, sink: str, what: str, remedy: str = "") -> None:
        """Remember which sink is away."""
        super().__init__(what, remedy)
        self.sink = sink


class SinkRefused(PermanentError):
    """A sink is there but must not be written: claimed for another outbox, or ahead of this one."""

    def __init__(self, sink: str, what: str, remedy: str = "") -> None:
        """Remember which sink refused."""
        super().__init__(what, remedy)
        self.sink = sink


class ConvergenceError(PermanentError):
    """A sink did not end with the planned rows, twice; nothing of the transaction was kept."""


class OutboxError(PermanentError):
    """The outbox below ``FLUXION_HOME`` is damaged or belongs to somebody else."""


class PausedError(TransientError):
    """A person asked for a pause, and it stands."""


class BusyError(TransientError):
    """Somebody else holds a lock, and the wait for it was too long."""

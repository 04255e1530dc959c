"""Closed sets of the domain: what a reading came to, how a store answered, verdicts, modes.

Values are the Spanish words that stand in the tables; names are what code uses.
"""

from __future__ import annotations

from enum import Enum


class Word(str, Enum):
    """A string enum whose ``str()`` is its value on every supported Python."""

    def __str__(self) -> str:
        """The word itself."""
        return str(self.value)


class Outcome(Word):
    """What a reading of one slice came to (column ``cobertura.resultado``)."""

    COMPLETO = "completo"
    VACIO = "vacio"
    EN_CURSO = "en_curso"
    CERRADO = "cerrado"
    INALCANZABLE = "inalcanzable"
    PARCIAL = "parcial"
    SOSPECHOSO = "sospechoso"
    SIN_DATO = "sin_dato"
    REPARACION = "reparacion"


GOOD = frozenset({Outcome.COMPLETO, Outcome.VACIO, Outcome.EN_CURSO})
"""The outcomes whose readings change facts."""

CLOSED = frozenset({Outcome.COMPLETO, Outcome.VACIO})
"""The outcomes of a day that was read in full after its close."""

SATISFIED = GOOD | {Outcome.CERRADO, Outcome.SIN_DATO}
"""The outcomes with which a run has done what it was asked for."""


class Answer(Word):
    """How the source answered, before any rule looked at the rows."""

    ENTERA = "entera"
    PARCIAL = "parcial"
    INALCANZABLE = "inalcanzable"
    CERRADO = "cerrado"
    SIN_DATO = "sin_dato"


class Provenance(Word):
    """Why a reading is landed."""

    NORMAL = "normal"
    REPLAY = "replay"
    ACCEPT = "accept"
    REPAIR = "repair"


class Movement(Word):
    """What a row of the stock history says (column ``inventario_historico.movimiento``)."""

    CLAVE = "clave"
    CAMBIO = "cambio"
    BAJA = "baja"


class Verdict(Word):
    """What a comparison of both sinks came to."""

    IGUAL = "igual"
    DIFERENTE = "diferente"
    NO_CONCLUYENTE = "no_concluyente"


class Mode(Word):
    """``DB_MODE``: which sinks are written and which one is read."""

    DUCKDB = "duckdb"
    DUAL = "dual"
    POSTGRESQL = "postgresql"

    @property
    def sinks(self) -> tuple[SinkName, ...]:
        """The sinks that are written in this mode, primary first."""
        return {
            Mode.DUCKDB: (SinkName.DUCKDB,),
            Mode.DUAL: (SinkName.DUCKDB, SinkName.POSTGRESQL),
            Mode.POSTGRESQL: (SinkName.POSTGRESQL,),
        }[self]

    @property
    def primary(self) -> SinkName:
        """The sink that downstream assets and programs read."""
        return self.sinks[0]


class SinkName(Word):
    """The databases that can be written."""

    DUCKDB = "duckdb"
    POSTGRESQL = "postgresql"


class Fact(Word):
    """What can be read of a location: the table by which a reading, its coverage and its rejects go."""

    VENTAS = "ventas"
    INVENTARIO = "inventario_actual"
    CATALOGO = "productos"

"""The rules by which a chain is ready to read PostgreSQL: data, each with its reason and what to do, in Spanish and English.

Pure: what is measured comes in as ``Facts``. Before this: ``cutover``; after it: its page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Text = tuple[str, str]
"""Spanish, English."""

EQUAL_DAYS, SHARE, PROOF_HOURS, SLOWEST_MS, BACKUP_HOURS = 14, 0.99, 26.0, 2000.0, 26.0


@dataclass(frozen=True)
class Facts:
    """What the rules look at.

    Attributes:
        dual: whether both sinks are written.
        different: tables that aren't proven equal now.
        equal_days: days in a row of the table that has fewest.
        oldest_hours: since the slice that waits longest was compared; None: nothing is proven.
        pending: slices that a sink lacks.
        problems: sinks that can't be used.
        drift: tables whose schema isn't the contract's.
        share: of the expected readings of 30 days.
        quarantined: pieces in quarantine.
        slowest: of PostgreSQL's answers, milliseconds; None: not measured.
        backup_hours: age of the newest backup; None: nobody told.
        restored: whether a restore was ever tested.
    """

    dual: bool
    different: int
    equal_days: int
    oldest_hours: float | None
    pending: int
    problems: int
    drift: int
    share: float
    quarantined: int
    slowest: float | None
    backup_hours: float | None
    restored: bool


@dataclass(frozen=True)
class Rule:
    """One condition of readiness."""

    name: str
    title: Text
    reason: Text
    remedy: Text
    holds: Callable[[Facts], bool]
    value: Callable[[Facts], Text]


@dataclass(frozen=True)
class Ruled:
    """A rule, whether it holds, and what was measured, with its unit."""

    rule: Rule
    holds: bool
    value: Text


def _count(number: int, one: Text, many: Text) -> Text:
    es, en = one if number == 1 else many
    return f"{number} {es}", f"{number} {en}"


def _same(text: str) -> Text:
    return text, text


def _backup(facts: Facts) -> Text:
    if facts.backup_hours is None:
        return "nadie lo dice", "nobody told"
    age = f"{facts.backup_hours:.1f} h"
    return (f"{age}, restaurado", f"{age}, restored") if facts.restored else (f"{age}, nunca restaurado", f"{age}, never restored")


RULES: tuple[Rule, ...] = (
    Rule(
        "ambos",
        ("Ambas bases se escriben y responden", "Both databases are written and answer"),
        ("Sin las dos no hay nada que comparar.", "Without both there is nothing to compare."),
        (
            "Ponga DB_MODE=dual y ejecute fluxion sync; fluxion doctor dice qué falla.",
            "Set DB_MODE=dual and run fluxion sync; fluxion doctor tells what fails.",
        ),
        lambda f: f.dual and not f.problems,
        lambda f: (f"{2 - f.problems if f.dual else 1} de 2", f"{2 - f.problems if f.dual else 1} of 2"),
    ),
    Rule(
        "iguales",
        ("Todas las tablas son iguales ahora", "All tables are equal now"),
        ("Un valor distinto basta para pedir mal.", "One wrong value is enough for a wrong order."),
        ("Vea fluxion parity y repare con fluxion repair TABLA --from lote.", "See fluxion parity, and repair with fluxion repair TABLE --from lote."),
        lambda f: not f.different,
        lambda f: _count(f.different, ("tabla sin igualdad", "table not equal"), ("tablas sin igualdad", "tables not equal")),
    ),
    Rule(
        "dias",
        (f"Iguales {EQUAL_DAYS} días seguidos", f"Equal for {EQUAL_DAYS} days in a row"),
        (
            "Dos semanas contienen cada día de la semana dos veces, cierres y domingos incluidos.",
            "Two weeks hold each weekday twice, closings and Sundays included.",
        ),
        ("Siga en dual; cada día necesita una prueba igual y ninguna diferente.", "Stay in dual; each day needs a proof that is equal, and none that differs."),
        lambda f: f.equal_days >= EQUAL_DAYS,
        lambda f: _count(f.equal_days, ("día", "day"), ("días", "days")),
    ),
    Rule(
        "prueba",
        (f"Ninguna prueba más vieja que {PROOF_HOURS:.0f} h", f"No proof older than {PROOF_HOURS:.0f} h"),
        ("Lo que se probó antes pudo cambiar sin aviso.", "What was proven before may have changed without a word."),
        ("Ejecute fluxion parity --full.", "Run fluxion parity --full."),
        lambda f: f.oldest_hours is not None and f.oldest_hours <= PROOF_HOURS,
        lambda f: ("sin probar", "not proven") if f.oldest_hours is None else _same(f"{f.oldest_hours:.1f} h"),
    ),
    Rule(
        "pendientes",
        ("Ningún lote pendiente", "No lote is pending"),
        ("Lo que falta en una base no está en ninguna comparación.", "What a database lacks is in no comparison."),
        ("Ejecute fluxion sync.", "Run fluxion sync."),
        lambda f: not f.pending,
        lambda f: _count(f.pending, ("slice falta", "slice lacking"), ("slices faltan", "slices lacking")),
    ),
    Rule(
        "esquema",
        ("El esquema es el del contrato", "The schema is the contract's"),
        ("Una columna de otro tipo redondea sin decirlo.", "A column of another type rounds without saying so."),
        ("Vea fluxion parity --level schema; deshaga el cambio hecho a mano.", "See fluxion parity --level schema; undo what was changed by hand."),
        lambda f: not f.drift,
        lambda f: _count(f.drift, ("tabla distinta", "table differs"), ("tablas distintas", "tables differ")),
    ),
    Rule(
        "cobertura",
        (f"Cobertura de 30 días ≥ {SHARE:.0%}", f"Coverage of 30 days ≥ {SHARE:.0%}"),
        ("Dos bases iguales a las que les falta lo mismo no sirven.", "Two equal databases that lack the same are of no use."),
        (
            "Vea fluxion coverage. Las ventas que faltan las lee fluxion run recuperacion; un stock que no se leyó a su hora no se recupera: espere.",
            "See fluxion coverage. Sales that are lacking are read by fluxion run recuperacion; stock that wasn't read at its hour is gone: wait.",
        ),
        lambda f: f.share >= SHARE,
        lambda f: _same(f"{f.share:.1%}"),
    ),
    Rule(
        "cuarentena",
        ("La cuarentena está vacía", "The quarantine is empty"),
        ("Son datos que nadie ha decidido.", "These are data that nobody has decided on."),
        ("Vea fluxion quarantine list.", "See fluxion quarantine list."),
        lambda f: not f.quarantined,
        lambda f: _count(f.quarantined, ("pieza", "piece"), ("piezas", "pieces")),
    ),
    Rule(
        "lectura",
        (f"PostgreSQL responde en ≤ {SLOWEST_MS / 1000:.0f} s", f"PostgreSQL answers within {SLOWEST_MS / 1000:.0f} s"),
        ("Más lento, la gente deja de usarlo.", "Slower, and people stop using it."),
        ("Ejecute ANALYZE; dé más memoria a PostgreSQL.", "Run ANALYZE; give PostgreSQL more memory."),
        lambda f: f.slowest is not None and f.slowest <= SLOWEST_MS,
        lambda f: ("sin medir", "not measured") if f.slowest is None else _same(f"{f.slowest:.0f} ms"),
    ),
    Rule(
        "respaldo",
        (f"Respaldo de menos de {BACKUP_HOURS:.0f} h, restaurado alguna vez", f"A backup younger than {BACKUP_HOURS:.0f} h, restored once"),
        (
            "Fluxion no hace respaldos: solo sabe lo que dice respaldo.json. Uno que nunca se restauró es una esperanza.",
            "Fluxion makes no backups: it knows only what respaldo.json says. One that was never restored is a hope.",
        ),
        (
            'Que el respaldo escriba $FLUXION_HOME/respaldo.json: {"hecho_en": "…", "restaurado_en": "…"}.',
            'Have the backup write $FLUXION_HOME/respaldo.json: {"hecho_en": "…", "restaurado_en": "…"}.',
        ),
        lambda f: f.backup_hours is not None and f.backup_hours <= BACKUP_HOURS and f.restored,
        _backup,
    ),
)


def ruled(facts: Facts) -> tuple[Ruled, ...]:
    """Every rule with what it found."""
    return tuple(Ruled(rule, rule.holds(facts), rule.value(facts)) for rule in RULES)

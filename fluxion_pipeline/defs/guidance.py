"""What a red check tells an operator to do: the advice of the alerts, and the launchpad with everything filled in.

Links begin at the server's root (or at the path of ``FLUXION_UI_URL``), so that they lead to the server
that shows them, under whatever name it is called.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote_plus, urlsplit

import dagster as dg

from fluxion_pipeline.alerts.advice import ADVICE
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.defs.names import GROUPS, lote_key
from fluxion_pipeline.settings import Settings

LOCATION = "fluxion_pipeline"
"""The name of the code location in the workspace."""
MOST_PLACES = 30
"""So many locations are named in a link; more of them are all."""


def what_to_do(topic: str, table: str) -> dict[str, dg.MetadataValue]:
    """``que_hacer``: what the alert on a topic advises; nothing for a user's own check."""
    if topic not in ADVICE:
        return {}
    return {"que_hacer": dg.MetadataValue.text(ADVICE[topic].do.format(tabla=table, sujeto=table))}


def read_again(settings: Settings, fact: Fact, places: Iterable[str], cuts: Iterable[str]) -> dict[str, dg.MetadataValue]:
    """``releer``: the launchpad of a fact's job, with the locations and, of sales, the days that are to be read again."""
    named = sorted(places)
    config = {"ubicaciones": f"[{','.join(named)}]" if len(named) <= MOST_PLACES else "[]"}
    if fact is Fact.VENTAS and (days := sorted(cuts)):
        config |= {"desde": days[0], "hasta": days[-1]}
    return {"releer": dg.MetadataValue.url(launchpad(settings, GROUPS[fact], "__".join(lote_key(fact).path), config))}


def launchpad(settings: Settings, job: str, step: str, config: dict[str, str]) -> str:
    """The address of a job's launchpad with a step's configuration in it, as short as it can be: it is shown as it is."""
    yaml = "\n".join(["ops:", f" {step}:", "  config:", *(f"   {name}: {value}" for name, value in config.items()), ""])
    root = urlsplit(settings.fluxion_ui_url).path.rstrip("/")
    return f"{root}/locations/{LOCATION}/jobs/{job}/playground/setup?config={quote_plus(yaml, safe=':,[]')}"

"""The stores' own systems, opened as ``FLUXION_SOURCE`` names them: one, or each location's own."""

from __future__ import annotations

import re

from fluxion_pipeline.contracts.clock import Clock
from fluxion_pipeline.errors import SettingsError
from fluxion_pipeline.locations.registry import Registry
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sources.klk import KlkSource, Patience
from fluxion_pipeline.sources.protocol import Source
from fluxion_pipeline.sources.systems import SystemsSource

OR_DROPS = "or FLUXION_SOURCE=archivos to read file drops"


def open_systems(settings: Settings, registry: Registry, clock: Clock) -> Source:
    """The source of ``klk``, ``stellar`` or ``auto``.

    Raises:
        SettingsError: if no address is configured, or the system is one that nothing here reads.
    """
    name = settings.fluxion_source
    if name == "stellar":
        raise SettingsError("FLUXION_SOURCE is «stellar»: this version doesn't read Stellar", f"set FLUXION_SOURCE=klk, {OR_DROPS}")
    if settings.klk_base_url is None:
        raise SettingsError(f"FLUXION_SOURCE is «{name}», but KLK_BASE_URL isn't set", f"set KLK_BASE_URL to the address of the stores' KLK server, {OR_DROPS}")
    if not re.fullmatch(r"https?://[^/?#\s\[\]]+[^?#\s]*", settings.klk_base_url):
        raise SettingsError(f"KLK_BASE_URL is «{settings.klk_base_url}», which is no address", "write it as http://host:port or http://host:port/path")
    klk = KlkSource(settings.klk_base_url, registry, settings.home / "klk", patience=_patience(settings), clock=clock)
    if name == "klk":
        return klk
    why = "STELLAR_URL isn't set" if settings.stellar_url is None else "this version doesn't read Stellar"
    return SystemsSource(registry, {"klk": klk}, {"stellar": why})


def _patience(settings: Settings) -> Patience:
    return Patience(settings.klk_connect_timeout, settings.klk_read_timeout, settings.klk_total_timeout)

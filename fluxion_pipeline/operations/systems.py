"""The stores' own systems, opened as ``FLUXION_SOURCE`` names them: one, or each location's own."""

from __future__ import annotations

import re

from fluxion_pipeline.contracts.clock import Clock
from fluxion_pipeline.errors import SettingsError
from fluxion_pipeline.locations.registry import Registry
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sources.klk import KlkSource, Patience
from fluxion_pipeline.sources.protocol import Source
from fluxion_pipeline.sources.stellar import StellarSource, Waits
from fluxion_pipeline.sources.systems import SystemsSource

OR_DROPS = "or FLUXION_SOURCE=archivos to read file drops"
ADDRESSES = {"klk": ("KLK_BASE_URL", "the address of the stores' KLK server"), "stellar": ("STELLAR_URL", "the address of Stellar's SQL Server")}


def open_systems(settings: Settings, registry: Registry, clock: Clock) -> Source:
    """The source of ``klk``, ``stellar`` or ``auto``.

    Raises:
        SettingsError: if no address is configured, or one is none.
    """
    name = settings.fluxion_source
    found: dict[str, Source] = {}
    if name != "stellar" and settings.klk_base_url is not None:
        found["klk"] = _klk(settings, settings.klk_base_url, registry, clock)
    if name != "klk" and settings.stellar_url is not None:
        found["stellar"] = StellarSource(settings.stellar_url.get_secret_value(), registry, waits=_waits(settings), clock=clock)
    if not found:
        variable, what = ADDRESSES["stellar" if name == "stellar" else "klk"]
        raise SettingsError(f"FLUXION_SOURCE is «{name}», but {variable} isn't set", f"set {variable} to {what}, {OR_DROPS}")
    if name != "auto":
        return found[name]
    return SystemsSource(registry, found, {system: f"{ADDRESSES[system][0]} isn't set" for system in ADDRESSES if system not in found}, clock)


def _klk(settings: Settings, url: str, registry: Registry, clock: Clock) -> KlkSource:
    if not re.fullmatch(r"https?://[^/?#\s\[\]]+[^?#\s]*", url):
        raise SettingsError(f"KLK_BASE_URL is «{url}», which is no address", "write it as http://host:port or http://host:port/path")
    patience = Patience(settings.klk_connect_timeout, settings.klk_read_timeout, settings.klk_total_timeout)
    return KlkSource(url, registry, settings.home / "klk", patience=patience, clock=clock)


def _waits(settings: Settings) -> Waits:
    return Waits(settings.stellar_connect_timeout, settings.stellar_read_timeout, settings.stellar_total_timeout)

"""The home that a command which only looks, or goes on with what is there, was typed for: it makes none."""

from __future__ import annotations

from fluxion_pipeline.errors import SettingsError
from fluxion_pipeline.settings import Settings, load


def existing(settings: Settings | None = None) -> Settings:
    """The settings (by default the environment's) of a home that is there.

    Raises:
        SettingsError: if a setting is wrong, or there is no such folder: typed in another folder, mostly.
    """
    settings = settings or load()
    if not settings.home.exists():
        raise SettingsError(f"there is no home at {settings.home}", "go to the folder that has it, or set FLUXION_HOME; a new one is made by: fluxion init")
    return settings

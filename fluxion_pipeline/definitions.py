"""What Dagster loads: the definitions for the settings of its environment, and those of a user's own."""

from fluxion_pipeline.defs.build import build_defs
from fluxion_pipeline.defs.extra import with_extra
from fluxion_pipeline.settings import load

_settings = load()
defs = with_extra(build_defs(_settings), _settings)

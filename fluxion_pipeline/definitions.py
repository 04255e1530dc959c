"""What Dagster loads: the definitions for the settings of its environment."""

from fluxion_pipeline.defs.build import build_defs
from fluxion_pipeline.settings import load

defs = build_defs(load())

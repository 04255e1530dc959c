"""Tests of ``fluxion_pipeline.contracts``."""

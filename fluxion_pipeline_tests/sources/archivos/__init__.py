"""Tests of ``fluxion_pipeline.sources.archivos``."""

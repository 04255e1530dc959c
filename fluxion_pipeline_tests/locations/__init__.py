"""Tests of fluxion_pipeline.locations."""

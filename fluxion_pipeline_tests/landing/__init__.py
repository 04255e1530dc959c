"""Tests of fluxion_pipeline.landing."""

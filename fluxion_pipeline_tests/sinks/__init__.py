"""Tests of the sinks, on real databases."""

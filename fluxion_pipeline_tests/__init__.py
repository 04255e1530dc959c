"""Tests: the tree mirrors the package; names are sentences."""

"""Repairs from a sink: what they write, and what they refuse."""

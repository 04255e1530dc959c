"""Proof that the sinks hold the same rows, and repair where they don't."""

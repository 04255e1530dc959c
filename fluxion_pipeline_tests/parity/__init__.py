"""Parity, on a real PostgreSQL and real DuckDB files."""

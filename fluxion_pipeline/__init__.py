"""Fluxion: a supermarket chain's stock and sales, landed once and held equal in DuckDB and PostgreSQL."""

__version__ = "0.1.0"

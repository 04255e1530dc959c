"""Fluxion: a supermarket chain's stock and sales, landed once and held equal in DuckDB and PostgreSQL."""

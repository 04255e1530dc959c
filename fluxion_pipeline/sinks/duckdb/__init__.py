"""The DuckDB sink: one file, one writing process at a time."""

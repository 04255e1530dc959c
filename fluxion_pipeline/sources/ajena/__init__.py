"""The source ``ajena``: somebody else's DuckDB file, read through a map of its names; for ``fluxion adopt``.

``mapping`` reads the map, ``query`` makes its columns text, ``source`` gives readings. It is a source like any
other: rules, landing and sinks know nothing of it.
"""

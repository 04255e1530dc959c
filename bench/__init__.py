"""Measurements of a tick against other ways of doing it, in one run and on one machine: ``make bench``.

Not part of the package and no test: it judges nothing. What is measured is in ``contenders``, with
what in ``stock``, how in ``measure``; ``parity`` and ``history`` are benches of their own.
"""

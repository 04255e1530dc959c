"""The ``fluxion`` command: one file per group of commands; what they do is in ``operations``."""

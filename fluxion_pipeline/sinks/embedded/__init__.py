"""The embedded PostgreSQL: a server from a wheel, below ``FLUXION_HOME``, for machines that have none."""

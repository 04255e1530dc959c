"""The schema of both engines, as a chain of frozen revisions: ``fluxion init`` runs them.

Lives here: the revisions, the runner that applies them, and the comparison of a live schema with
``contracts.tables``. Importing this package costs nothing: Alembic is loaded by a migration that has
something to do, and by nothing else.
"""

HEAD = "0007"
"""The newest revision: what a sink's schema must be at before it is written."""

"""The attempts to get one server process started: as whom, what it said, whether another attempt may help.

Lives here: reading a failed start. Doesn't live here: the loop that waits for a login (``server``).
"""

from __future__ import annotations

import time

from fluxion_pipeline.errors import SinkAway
from fluxion_pipeline.sinks.embedded import privileges
from fluxion_pipeline.sinks.embedded.cluster import Cluster, alive, tail
from fluxion_pipeline.sinks.embedded.privileges import Way

_PREDECESSOR_SECONDS = 0.2
_PORT_TAKEN = ("could not create any TCP/IP sockets", "Address already in use")
_PREDECESSOR = ("pre-existing shared memory block", 'lock file "postmaster.pid" already exists')
"""What a server says while the processes of a killed one are still ending: worth another try."""


class Launch:
    """The attempts to start the server during one ``EmbeddedServer.ensure``; the way is looked for when it is needed."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._way: Way | None = None
        self._pid: int | None = None
        self._offset = 0

    @property
    def way(self) -> Way:
        """As whom the server runs."""
        if self._way is None:
            self._way = privileges.choose(self._cluster.folder, self._cluster.data)
        return self._way

    def go(self, port: int) -> None:
        """Start the server once more."""
        self._cluster.forget_stale()
        self._cluster.configure(self.way, port)
        self._offset = self._cluster.log_size()
        self._pid = self._cluster.launch(self.way)

    def pending(self) -> bool:
        """Whether the last attempt is still under way."""
        return self._pid is not None and alive(self._pid)

    def failed_for_its_port(self) -> bool:
        """Why the last attempt ended: True: its port; False: there was none, or another try may help.

        Raises:
            SinkAway: if it will end like that again.
        """
        if self._pid is None:
            return False
        said = self.said()
        if any(sign in said for sign in _PORT_TAKEN):
            return True
        if any(sign in said for sign in _PREDECESSOR):
            time.sleep(_PREDECESSOR_SECONDS)
            return False
        raise SinkAway("postgresql", f"the embedded PostgreSQL ended at once: {said}", f"see {self._cluster.log}")

    def said(self) -> str:
        """The end of what the server logged since the last attempt, in one line."""
        return tail(self._cluster.said_since(self._offset))

"""A KLK server on a real socket: the stores of ``stores`` in KLK's wire format, with the faults of ``faults``.

``GET /_requests`` tells what was asked so far, and how many requests of each store were open at once.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fluxion_pipeline.contracts.clock import parse_day
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.locations.registry import Location
from fluxion_pipeline.simulate.faults import Fault, Faults, Kind
from fluxion_pipeline.simulate.stores import LAST, MIDNIGHT, Stores, seven

STOCK, OLD_STOCK = "/maestra/articulos/almacen", "/maestra/articulos"
HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,7})?)?")


@dataclass
class Journal:
    """What was asked, and how many requests of a store were open at once."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    most: dict[str, int] = field(default_factory=dict)
    most_in_all: int = 0
    _open: dict[str, int] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def request(self, store: str, entry: dict[str, Any]) -> Iterator[None]:
        """Note a request for as long as it is open."""
        with self._guard:
            self.entries.append(entry)
            self._open[store] = self._open.get(store, 0) + 1
            self.most[store] = max(self.most.get(store, 0), self._open[store])
            self.most_in_all = max(self.most_in_all, sum(self._open.values()))
        try:
            yield
        finally:
            with self._guard:
                self._open[store] -= 1

    def told(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        with self._guard:
            return {"requests": list(self.entries), "most_at_once": dict(self.most), "most_in_all": self.most_in_all}


class KlkServer(ThreadingHTTPServer):
    """The server. ``old``: of the older generation: bare lists, and no stock by almacén."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, stores: Stores, faults: Faults, port: int = 0, *, old: bool = False, tell: Callable[[str], None] | None = None) -> None:
        """Listen on this machine only."""
        self.stores, self.faults, self.old, self.tell = stores, faults, old, tell
        self.journal = Journal()
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who asked is gone: nothing to tell."""


@contextmanager
def serving(server: KlkServer) -> Iterator[KlkServer]:
    """Serve in the background until the block ends."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: KlkServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are in the journal."""

    def do_GET(self) -> None:
        """The lists of almacenes, and the journal."""
        if self.path == "/_requests":
            return self._send(self.server.journal.told())
        if self.path in {"/maestra/almacenes/Reposicion", "/maestra/almacenes/pisoventa"}:
            return self._send([{"Codigo": x.klk_almacen, "Nombre": x.nombre, "Sucursal": x.klk_sucursal} for x in self.server.stores.stores])
        return self._send({"error": "not found"}, 404)

    def do_POST(self) -> None:
        """Sales and stock."""
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"{}")
        except ValueError:
            return self._send({"error": "the body is no JSON"}, 400)
        stock = self.path == (OLD_STOCK if self.server.old else STOCK)
        if not stock and self.path != "/ventas":
            return self._send({"error": "not found"}, 404)
        code = str(body.get("CodigoAlmacen" if self.server.old else "Codigoalmacen") if stock else body.get("sucursal"))
        store = self.server.stores.warehouse(code) if stock else self.server.stores.branch(code)
        if store is None:
            return self._send({"error": f"{'almacen' if stock else 'sucursal'} {code} no existe"})
        fault = self.server.faults.draw(store.codigo)
        entry = {"at": round(time.time(), 3), "store": store.codigo, "path": self.path, "body": body, "fault": str(fault.kind) if fault else None}
        with self.server.journal.request(store.codigo, entry):
            if self.server.tell:
                self.server.tell(f"{store.codigo} {self.path} {json.dumps(body)}{f' → {fault.kind}' if fault else ''}")
            self._answer(store, body, stock, fault)
        return None

    def _answer(self, store: Location, body: dict[str, Any], stock: bool, fault: Fault | None) -> None:
        kind = fault.kind if fault else None
        if fault and kind is Kind.SLOW:
            time.sleep(float(fault.argument))
        if kind is Kind.DOWN:
            return self._break()
        if kind is Kind.FIVE_HUNDRED:
            return self._send({"error": "internal server error"}, 500)
        if kind is Kind.ERROR:
            return self._send({"error": "Timeout expired connecting to the database"})
        if kind in {Kind.HTML, Kind.EMPTY}:
            return self._raw((HTML if kind is Kind.HTML else "").encode(), kind="text/html")
        told = next(x for x in self.server.stores.stores if x.codigo == fault.argument) if fault and kind is Kind.TWIN else store
        ahead = int(float(fault.argument)) if fault and kind is Kind.AHEAD else 0
        try:
            lines = list(self.server.stores.stock(told) if stock else self._sales(told, body, ahead))
        except (ContractError, KeyError, TypeError) as error:
            return self._send({"error": f"bad request: {error}"})
        data = self._envelope(lines, stock, truncated=kind is Kind.TRUNCATED)
        if kind in {Kind.CUT, Kind.RESET}:
            self._raw(data[: len(data) // 2], announced=None if kind is Kind.CUT else len(data))
            return self._break() if kind is Kind.RESET else None
        return self._raw(data)

    def _sales(self, store: Location, body: dict[str, Any], ahead: int) -> Iterable[str]:
        first, last = parse_day(body["fecha_desde"]), parse_day(body["fecha_hasta"])
        low, high = body.get("hora_desde"), body.get("hora_hasta")
        for value in (low, high):
            if value is not None and not _TIME.fullmatch(value):
                raise ContractError(f"«{value}» is no time")
        if body.get("almacen") not in {None, "", store.klk_almacen}:
            return ()
        return self.server.stores.sales(store, first, last, seven(low) if low else MIDNIGHT, seven(high) if high else LAST, ahead)

    def _envelope(self, lines: list[str], stock: bool, *, truncated: bool) -> bytes:
        count = len(lines)
        listed = f"[{','.join(lines[: count // 3] if truncated else lines)}]"
        if self.server.old:
            return listed.encode()
        return (f'{{"articulos":{listed}}}' if stock else f'{{"meta":{{"total_registros":{count}}},"ventas":{listed}}}').encode()

    def _send(self, value: Any, status: int = 200) -> None:
        self._raw(json.dumps(value, ensure_ascii=False).encode(), status)

    def _raw(self, data: bytes, status: int = 200, kind: str = "application/json", announced: int | None = -1) -> None:
        """An answer; ``announced``: its length as told, None: not told at all."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        if announced is not None:
            self.send_header("Content-Length", str(len(data) if announced == -1 else announced))
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = True

    def _break(self) -> None:
        """Break the connection hard: the other side sees a reset."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

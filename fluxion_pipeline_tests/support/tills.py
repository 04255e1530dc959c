"""A server that speaks whatever a test writes into it, on a real socket: nothing of the simulator is in it.

A test gives a function from a question to an answer; answers may be whole, broken, slow, or no answer.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Question:
    """One request."""

    path: str
    body: Mapping[str, Any]

    @property
    def store(self) -> str:
        """The branch or almacén that it is about."""
        return str(self.body.get("sucursal") or self.body.get("Codigoalmacen") or self.body.get("CodigoAlmacen"))


@dataclass(frozen=True)
class Said:
    """One answer.

    Attributes:
        body: the bytes.
        status: of HTTP.
        kind: content type.
        silent: seconds before anything is said.
        length: announced length, where it isn't the body's; 0: none is announced.
        reset: break the connection hard after the body.
        pause: seconds of silence after half of the body.
    """

    body: bytes
    status: int = 200
    kind: str = "application/json"
    silent: float = 0.0
    length: int | None = None
    reset: bool = False
    pause: float = 0.0


def said(value: Any, **more: Any) -> Said:
    """An answer in JSON."""
    return Said(json.dumps(value, ensure_ascii=False).encode(), **more)


@dataclass
class Tills:
    """A running server: what it was asked, and how many questions of a store were open at once.

    A question is open until the last byte of its answer is about to leave, or until the one who asked hangs up:
    so the counts say what was asked at once, however late this server is to notice.
    """

    url: str
    answer: Callable[[Question], Said]
    asked: list[Question] = field(default_factory=list)
    most: dict[str, int] = field(default_factory=dict)
    most_in_all: int = 0
    _open: dict[socket.socket, str] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def of(self, store: str, path: str = "") -> list[Question]:
        """The questions about a store."""
        return [q for q in self.asked if q.store == store and q.path.startswith(path)]

    def serve(self, connection: socket.socket) -> None:
        """Answer one connection."""
        with connection:
            question = _read(connection)
            if question is None:
                return
            store = question.store
            with self._guard:
                self.asked.append(question)
                self._open = {c: s for c, s in self._open.items() if not _hung_up(c)} | {connection: store}
                self.most[store] = max(self.most.get(store, 0), list(self._open.values()).count(store))
                self.most_in_all = max(self.most_in_all, len(self._open))
            try:
                last = _say(connection, self.answer(question))
                self._over(connection)
                connection.sendall(last)
            except OSError:  # the one who asked is gone
                pass
            finally:
                self._over(connection)

    def _over(self, connection: socket.socket) -> None:
        with self._guard:
            self._open.pop(connection, None)


def _hung_up(connection: socket.socket) -> bool:
    """Whether the other side has closed it; it says nothing more once it has asked."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _read(connection: socket.socket) -> Question | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    length = next((int(x.partition(":")[2]) for x in lines if x.lower().startswith("content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return Question(lines[0].split()[1], json.loads(body or b"{}"))


def _say(connection: socket.socket, answer: Said) -> bytes:
    """Send all but the last byte, which is given back."""
    time.sleep(answer.silent)
    length = len(answer.body) if answer.length is None else answer.length
    head = f"HTTP/1.1 {answer.status} X\r\nContent-Type: {answer.kind}\r\nConnection: close\r\n" + (f"Content-Length: {length}\r\n" if length else "")
    whole = head.encode() + b"\r\n" + answer.body
    half = len(whole) - len(answer.body) + len(answer.body) // 2 if answer.pause else len(whole) - 1
    connection.sendall(whole[:half])
    if answer.pause:
        time.sleep(answer.pause)
        connection.sendall(whole[half:-1])
    if answer.reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return whole[-1:]


@contextmanager
def tills(answer: Callable[[Question], Said]) -> Iterator[Tills]:
    """Serve until the block ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        server = Tills(f"http://127.0.0.1:{listening.getsockname()[1]}", answer)

        def loop() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=server.serve, args=(connection,), daemon=True).start()

        threading.Thread(target=loop, daemon=True).start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)


# ── lines as the stores' systems have them ──────────────────────────────────────────────────────
def sale(
    day: str, invoice: Any = "00123456", line: Any = 1, *, warehouse: str = "APP-TPF", time_of_day: str = "12:20:15.2762433", **changes: Any
) -> dict[str, Any]:
    """A valid sales line; ``changes`` go by the leaf's name, wherever it is."""
    found: dict[str, Any] = {
        "numero_factura": invoice,
        "linea": line,
        "fecha": day,
        "hora": time_of_day,
        "fecha_hora_completa": f"{day}T{time_of_day}",
        "producto": [
            {
                "codigo_producto": "000006",
                "descripcion_producto": "ROMERO KG",
                "marca_producto": None,
                "modelo_producto": None,
                "categoria_producto": "FRUVER",
                "grupo_articulo": "POR PESO",
                "subgrupo_producto": None,
                "codigo_barras": "01024",
            }
        ],
        "cantidad": [
            {
                "codigo_almacen": warehouse,
                "nombre_almacen": "PISO DE VENTA",
                "cantidad_vendida": 0.345,
                "peso_unitario": 1,
                "unidad_medida_venta": "KG",
                "factor_unidad_medida": 1,
            }
        ],
        "financiero": [
            {
                "costo_unitario_bs": 180.5,
                "precio_unitario_bs": 240.0,
                "venta_total_bs": 82.8,
                "costo_total_bs": 62.27,
                "utilidad_bruta_bs": 20.53,
                "costo_unitario_usd": 0.75,
                "precio_unitario_usd": 1.0,
                "venta_total_usd": 0.345,
                "costo_total_usd": 0.26,
                "utilidad_bruta_usd": 0.085,
                "impuesto_porcentaje": 0,
                "impuesto_monto": 0,
                "porcentaje_descuento": 0,
                "monto_descuento": 0,
            }
        ],
        "total_factura": 600.0,
        "tasa_usd": 240.0,
        "es_no_fiscal": False,
        "tiene_promocion": "",
        "codigo_promocion": "",
    }
    return _changed(found, changes)


def article(code: Any = "000006", stock: Any = 10, **changes: Any) -> dict[str, Any]:
    """A valid line of stock."""
    found = {
        "NombreProducto": f"PRODUCTO {code}",
        "Codigo": code,
        "Barra": "01024",
        "Categoria": "08",
        "Descripcion": "FRUVER",
        "Subcategoria": "1",
        "Descripcion_categoria": "POR PESO",
        "Marca": "N/A",
        "Precio": 5.77,
        "Iva": 0,
        "stock": stock,
    }
    return _changed(found, changes)


def sales(lines: Sequence[Mapping[str, Any]], total: Any = None) -> dict[str, Any]:
    """The envelope of sales."""
    return {"meta": {"total_registros": len(lines) if total is None else total}, "ventas": list(lines)}


def _changed(line: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    places = [line, *(x[0] for x in line.values() if isinstance(x, list))]
    for name, value in changes.items():
        place = next((p for p in places if name in p), None)
        if place is None:
            raise KeyError(f"no such field: {name}")
        place[name] = value
    return line

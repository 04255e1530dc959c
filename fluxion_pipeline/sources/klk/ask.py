"""One question to a store's system, and its answer on the disk: time-outs, attempts, one request at a time.

Before this: ``source`` knows what to ask; after it: ``stream`` reads the file. What can go wrong on the
way is mapped here, at the edge, to a ``Failure`` that says it in a sentence.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_before_delay, wait_exponential_jitter

from fluxion_pipeline.errors import BusyError
from fluxion_pipeline.locks import hold
from fluxion_pipeline.sources.failure import Failure, partial, unreachable
from fluxion_pipeline.sources.klk import stream
from fluxion_pipeline.sources.klk.charset import encoding_of
from fluxion_pipeline.sources.klk.deadline import Deadline

LARGEST = 4 << 30
"""Bytes of the largest answer that is taken; a real one has tens of millions."""

TRANSIENT = frozenset({408, 425, 429, *range(500, 600)}) - {501, 505}
EXPLAINED = 4096
LEFT_BEHIND = 24 * 3600
T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long to wait for a store.

    Attributes:
        connect: seconds until a connection stands.
        read: seconds of silence.
        total: seconds for one question with all of its attempts.
        attempts: how often to ask, where what went wrong may pass.
    """

    connect: float = 5.0
    read: float = 40.0
    total: float = 300.0
    attempts: int = 4


@dataclass(frozen=True)
class Stored:
    """An answer on the disk, for as long as the block runs that asked for it."""

    path: Path
    encoding: str
    digest: str
    size: int


class Asker:
    """Asks one server. Thread safe; a store is asked one thing at a time, also by other processes.

    Args:
        base: the server's address.
        folder: where answers lie while they are read, and the stores' locks.
        parallel: how many requests the server gets at once from this process.
    """

    def __init__(self, base: str, folder: Path, parallel: int) -> None:
        """Nothing is connected or made yet."""
        self.base, self.folder = base.rstrip("/"), folder
        self._gate = threading.BoundedSemaphore(parallel)
        self._guard = threading.Lock()
        self._client: httpx.Client | None = None

    @property
    def shown(self) -> str:
        """The address without user and password."""
        try:
            parts = urlsplit(self.base)
        except ValueError:
            return "an address that is none"
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def until_whole(self, attempt: Callable[[Patience], T], patience: Patience) -> T:
        """Try until it succeeds or can't be mended by waiting: later each time, with jitter, each with the time that is left.

        There is no attempt for which hardly any time is left: that it came to nothing would hide what the store has said.

        Raises:
            Failure: the last one.
        """
        end, useful = time.monotonic() + patience.total, min(patience.connect, patience.total / 4)
        retrying = Retrying(
            stop=stop_after_attempt(patience.attempts) | stop_before_delay(patience.total - useful),
            wait=wait_exponential_jitter(multiplier=0.3, max=10, jitter=0.5),
            retry=retry_if_exception(lambda e: isinstance(e, Failure) and e.transient),
            reraise=True,
        )
        return retrying(lambda: attempt(replace(patience, total=max(0.05, end - time.monotonic()))))

    @contextmanager
    def answer(self, store: str, path: str, body: Mapping[str, str], patience: Patience) -> Iterator[Stored]:
        """Ask a store once; the answer's file is gone when the block ends.

        Raises:
            Failure: if there was none.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix="answer-", suffix=".json") as file:
            try:
                with hold(self.folder / "locks" / f"{store}.lock", wait=patience.total, purpose=f"asking {store}"), self._gate:
                    stored = self._fetched(path, body, patience, Path(file.name))
            except BusyError as error:
                raise unreachable(f"another process asks this store: {error.what}") from None
            yield stored

    def _fetched(self, path: str, body: Mapping[str, str], patience: Patience, target: Path) -> Stored:
        timeout = httpx.Timeout(patience.read, connect=patience.connect, pool=None)
        digest, size = hashlib.sha256(), 0
        try:
            with (
                Deadline(patience.total) as deadline,
                self._http().stream("POST", f"{self.base}{path}", json=dict(body), timeout=timeout, extensions={"trace": deadline.watch}) as response,
            ):
                _check_status(response)
                with target.open("wb") as file:
                    for chunk in response.iter_bytes():
                        size += len(chunk)
                        if size > LARGEST:
                            raise partial(f"the answer has more than {LARGEST:,} bytes")
                        digest.update(chunk)
                        file.write(chunk)
                if deadline.passed:  # a body without a length ends where the connection does
                    raise _too_long(size, patience)
                return Stored(target, encoding_of(target, response.charset_encoding), digest.hexdigest(), size)
        except httpx.HTTPError as error:
            raise (_too_long(size, patience) if deadline.passed else _mapped(error, size, patience)) from None
        except httpx.InvalidURL as error:
            raise unreachable(f"{self.shown} is no address: {error}") from None
        except OSError as error:
            raise partial(f"the answer can't be kept in {self.folder}: {error.strerror or error}") from None

    def _http(self) -> httpx.Client:
        # Tills' small servers drop idle connections, so each question has one of its own; the stores
        # are in the chain's own network, so proxies of the environment don't count. To load certificates
        # costs a sixth of a second, and redirections, which might need them, aren't followed.
        with self._guard:
            if self._client is None:
                self._sweep()
                self._client = httpx.Client(trust_env=False, verify=self.base.lower().startswith("https:"), limits=httpx.Limits(max_keepalive_connections=0))
            return self._client

    def _sweep(self) -> None:
        """Remove answers that a process left when it was killed; one that is being read is not a day old."""
        for file in self.folder.glob("answer-*"):
            with suppress(OSError):
                if time.time() - file.stat().st_mtime > LEFT_BEHIND:
                    file.unlink()


def _too_long(size: int, patience: Patience) -> Failure:
    if size:
        return partial(f"the answer took longer than {patience.total:.3g} s: {size:,} bytes came")
    return unreachable(f"the server gave no answer within {patience.total:.3g} s")


def _check_status(response: httpx.Response) -> None:
    code = response.status_code
    if response.is_success:
        return
    if response.is_redirect:
        raise unreachable(f"the server answered with HTTP {code}: it redirects to {response.headers.get('location', 'nowhere')[:200]}", status=code)
    text = b""
    for chunk in response.iter_bytes():
        text += chunk
        if len(text) > EXPLAINED:
            break
    told = stream.explained(text[:EXPLAINED].decode("utf-8", "replace"))
    raise unreachable(f"the server answered with HTTP {code}{': ' + told if told else ''}", transient=code in TRANSIENT, status=code)


def _mapped(error: httpx.HTTPError, size: int, patience: Patience) -> Failure:
    """A driver's error as what it means; a time-out isn't tried again, it has cost enough."""
    if isinstance(error, httpx.ConnectTimeout):
        return unreachable(f"no connection within {patience.connect:g} s")
    if isinstance(error, httpx.TimeoutException):
        if size:
            return partial(f"the server fell silent for {patience.read:g} s after {size:,} bytes of the answer")
        return unreachable(f"the server was silent for {patience.read:g} s")
    if isinstance(error, httpx.ConnectError):
        return unreachable(f"no connection: {_said(error)}", transient=True)
    if isinstance(error, httpx.UnsupportedProtocol):
        return unreachable(f"the address can't be asked: {_said(error)}")
    if isinstance(error, httpx.DecodingError):
        return partial(f"the answer's compression is broken after {size:,} bytes: {_said(error)}", transient=True)
    if size:
        return partial(f"the connection broke after {size:,} bytes of the answer: {_said(error)}", transient=True)
    return unreachable(f"the connection broke before any answer: {_said(error)}", transient=True)


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

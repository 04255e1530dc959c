"""An answer on the disk, taken apart element by element: memory holds one chunk, whatever the answer's size.

Numbers keep their text: neither floats nor integers are ever made of them. The standard library's
scanner does the work; here is only what lies around the elements. What they mean is ``lines``'.
"""

from __future__ import annotations

import codecs
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from fluxion_pipeline.contracts.rules.text import NULL_WORDS
from fluxion_pipeline.sources.failure import Failure, partial, unreachable

CHUNK = 1 << 20
LARGEST = 16 << 20
"""Bytes that are read at once, and characters that one element may have: a real one has a thousand."""

NEAR = 1 << 14
"""Characters before the end of what is held from where on more is read first: to find out that an element isn't whole costs far more."""

SHOWN = 200
NO_ERROR = frozenset({*NULL_WORDS, "0", "0.0"})
_SPACE = re.compile(r"[ \t\n\r]*")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str, strict=False)


class Answer:
    """One answer: its elements, then what stood around them.

    Attributes:
        bare: whether it is the list itself, without an object around it.
        rest: what else the object had, by name; complete once all elements were taken.
        count: how many elements were taken.
        escapes: whether any character of the text at hand may be written as an escape.
    """

    def __init__(self, path: Path, name: str, encoding: str = "utf-8") -> None:
        """Open the file; ``name``: of the list in the object."""
        self.name, self.bare, self.count = name, False, 0
        self.rest: dict[str, Any] = {}
        self._file = path.open("rb")
        known = codecs.lookup(encoding).name
        self._decode = codecs.getincrementaldecoder("utf-8-sig" if known == "utf-8" else known)()
        self._encoding, self._read = known, 0
        self._text, self._at, self._ended, self._near = "", 0, False, 0
        self.escapes = False
        self._found = False

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def elements(self) -> Iterator[tuple[Any, str, int, int]]:
        """Each element with the text that it is a piece of: ``(value, text, start, end)``.

        Raises:
            Failure: if the answer is no such list, an error, cut, or nothing.
        """
        first = self._peek()
        if first == "[":
            self.bare = True
            yield from self._list()
        elif first == "{":
            yield from self._object()
        else:
            raise self._foreign(first)
        if self._peek():
            raise partial(f"text follows after the end of the answer: «{self._text[self._at : self._at + 40]}»")
        self._check()

    # ── what lies around the elements ───────────────────────────────────────────────────────
    def _object(self) -> Iterator[tuple[Any, str, int, int]]:
        self._at += 1
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            if self._peek() != '"':
                raise self._broken("a name was expected")
            name = self._value()
            self._take(":")
            if name == self.name and self._peek() == "[":
                if self._found:
                    raise partial(f"«{name}» stands twice in the answer")
                self._found = True
                yield from self._list()
            else:
                self.rest[name] = self._value()
            if self._peek() == "}":
                self._at += 1
                return
            self._take(",")

    def _list(self) -> Iterator[tuple[Any, str, int, int]]:
        self._at += 1
        if self._peek() == "]":
            self._at += 1
            return
        decode = _DECODER.raw_decode
        while True:
            if self._at > self._near:
                self._more()
            text, start = self._text, self._at
            if not text.startswith("{", start):
                self._peek()
                text, start = self._text, self._at
            try:
                value, end = decode(text, start)
                whole = end + 2 < len(text)
            except (ValueError, RecursionError):
                whole = False
            if not whole:  # or wrong, or nothing: what it is takes a closer look
                value, end = self._scanned()
                text, start = self._text, self._at
            self._at = end
            self.count += 1
            yield value, text, start, end
            if text.startswith(",", end):
                self._at = end + 1
                continue
            if self._peek() == "]":
                self._at += 1
                return
            self._take(",")

    def _check(self) -> None:
        """The envelope is one: no error in it, and the list is there."""
        if self.bare:
            return
        meta = self.rest.get("meta")
        for place in (self.rest, meta if isinstance(meta, dict) else {}):
            if _is_error(place.get("error")):
                raise unreachable(f"the server answered with an error: {_shown(place['error'])}", transient=True)
            if str(place.get("status")).strip().lower() == "error":
                raise unreachable(f"the server answered with an error: {_shown(place)}", transient=True)
        if not self._found:
            if self.name in self.rest:
                raise partial(f"«{self.name}» of the answer is no list but {_shown(self.rest[self.name])}")
            names = ", ".join(self.rest) or "nothing"
            raise partial(f"the answer has no list «{self.name}»; it has {names[:SHOWN]}")

    def _foreign(self, first: str) -> Failure:
        """The answer doesn't begin as JSON of ours does."""
        if not first:
            return partial("the answer is empty", transient=True)
        if first == "<":
            title = _TITLE.search(self._text)
            named = f" «{html.unescape(title[1]).strip()[:SHOWN]}»" if title else ""
            return partial(f"the answer is an HTML page{named}, not JSON", transient=True)
        return partial(f"the answer is neither an object nor a list: «{self._text[self._at : self._at + 40]}»")

    # ── characters ──────────────────────────────────────────────────────────────────────────
    def _peek(self) -> str:
        """The next character that isn't white space; empty at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _take(self, wanted: str) -> None:
        if self._peek() != wanted:
            raise self._broken(f"«{wanted}» was expected")
        self._at += 1

    def _value(self) -> Any:
        """The value at hand, and on beyond it."""
        self._peek()
        value, self._at = self._scanned()
        return value

    def _scanned(self) -> tuple[Any, int]:
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                held = len(self._text) - self._at
                if held > LARGEST or not self._more():
                    early = error.pos < len(self._text) - SHOWN and not error.msg.startswith("Unterminated")
                    raise self._broken(error.msg) if early or held > LARGEST else self._cut() from None
            except RecursionError:
                raise partial(f"the answer is nested too deeply after {self.count} lines") from None
            else:
                # «1.5» may be the beginning of «1.5e+10»: what follows a number must be in sight
                if end + 2 < len(self._text) or not self._more():
                    return value, end

    def _more(self) -> bool:
        """Read on; what was taken is let go. What is held at least doubles, so that a long element costs no square of its length."""
        if self._ended:
            return False
        self._text, self._at = self._text[self._at :], 0
        data = self._file.read(max(CHUNK, len(self._text)))
        try:
            self._text += self._decode.decode(data, not data)
        except UnicodeError as error:
            if not data:
                raise self._cut() from None
            raise partial(f"the answer is not {self._encoding}: byte {self._read + getattr(error, 'start', 0) + 1:,}") from None
        self._read += len(data)
        self._ended = not data
        self._near = len(self._text) - (0 if self._ended else NEAR)
        self.escapes = "\\" in self._text
        return True

    def _broken(self, why: str) -> Failure:
        if self._at >= len(self._text) and self._ended:
            return self._cut()
        return partial(f"the answer is no JSON after {self.count} lines: {why} at «{self._text[self._at : self._at + 40]}»")

    def _cut(self) -> Failure:
        return partial(f"the answer is cut: it ends in the middle after {self.count} lines", transient=True)


def _is_error(value: Any) -> bool:
    """Whether the envelope's ``error`` tells of one; a code of 0 and the words for "nothing" don't."""
    return bool(value) and not (isinstance(value, str) and value.strip() in NO_ERROR)


def _shown(value: Any) -> str:
    """An error as its server put it, on one line."""
    if isinstance(value, dict):
        value = value.get("message") or value.get("mensaje") or value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.split())[:SHOWN]


def explained(text: str) -> str:
    """What the body of an error says, on one line: its ``error``, its title, or its beginning."""
    try:
        found = json.loads(text)
    except ValueError:
        title = _TITLE.search(text)
        return _shown(html.unescape(title[1]) if title else "" if text.lstrip().startswith("<") else text)
    return _shown(found.get("error") or found if isinstance(found, dict) else found)

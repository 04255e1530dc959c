"""In which encoding an answer is: JSON is UTF-8, whatever its server declares.

Some servers declare the encoding of their machine and send UTF-8 all the same: taken at their word, each
accent would become two other characters, and nobody would be told.
"""

from __future__ import annotations

import codecs
from pathlib import Path

UTF_8 = "utf-8"
_CHUNK = 1 << 20


def encoding_of(path: Path, declared: str | None) -> str:
    """UTF-8, unless another one is declared, exists, and the answer isn't UTF-8."""
    if declared is None or not _of_text(declared) or codecs.lookup(declared).name == UTF_8 or _is_utf_8(path):
        return UTF_8
    return declared


def _of_text(name: str) -> bool:
    """Whether it names an encoding of text: ``base64`` and others are codecs too."""
    try:
        "[{".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def _is_utf_8(path: Path) -> bool:
    """Whether all of it is; U+0000 near the beginning is half of a character of UTF-16."""
    decoder = codecs.getincrementaldecoder(UTF_8)()
    with path.open("rb") as file:
        first = chunk = file.read(_CHUNK)
        if b"\0" in first[:4]:
            return False
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = file.read(_CHUNK)
        except UnicodeDecodeError:
            return False
    return True

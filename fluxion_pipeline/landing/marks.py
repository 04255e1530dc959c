"""Marks of images (``landing.digest``): kept, since images never change, and compared."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from fluxion_pipeline.landing.digest import Marks
from fluxion_pipeline.landing.index import Image

_SAMPLE = 64
_Key = tuple[str, str, str]


def unlike(lines: Marks, theirs: Marks) -> bool:
    """Whether hardly any of many lines are among the others' (sorted): told by a few that the numbers, which are hashes, choose."""
    if len(lines) < 10 * _SAMPLE or not len(theirs):
        return not len(theirs)
    few = np.partition(lines, _SAMPLE)[:_SAMPLE]
    hits = theirs[np.minimum(np.searchsorted(theirs, few), len(theirs) - 1)] == few
    return 8 * int(hits.sum()) < _SAMPLE  # of half of the lines or more, this comes about once in 10^10


class Kept:
    """Sorted marks of images: the newest that were asked for, as many as fit. Thread safe."""

    LIMIT = 64_000_000
    """Bytes."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._guard, self._size = threading.Lock(), 0
        self._found: OrderedDict[_Key, Marks] = OrderedDict()

    def get(self, image: Image) -> Marks | None:
        """The marks of an image, if they are kept."""
        key = _key(image)
        with self._guard:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, image: Image, marks: Marks) -> None:
        """Keep an image's marks; the oldest ones make place."""
        key = _key(image)
        with self._guard:
            self._size += marks.nbytes - (self._found[key].nbytes if key in self._found else 0)
            self._found[key] = marks
            while self._size > self.LIMIT:
                self._size -= self._found.popitem(last=False)[1].nbytes


def _key(image: Image) -> _Key:
    return str(image.file), image.slice, image.digest

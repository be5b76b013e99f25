"""What a search has spent: encodings, pixels that networks made, seconds by what they went to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

ENCODING, NETWORK, HINTS, SCORING = "base encodings", "networks", "hints", "scoring"


@dataclass
class Spent:
    """A running count, which threads may share.

    Attributes:
        encodings: Base layers encoded.
        net_pixels: Pixels of the pictures that networks made, each time that they did.
        seconds: Of the threads' time by what it went to; two threads spend two seconds in one.
    """

    encodings: int = 0
    net_pixels: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def add(self, *, encodings: int = 0, net_pixels: int = 0) -> None:
        """Counts on."""
        with self._lock:
            self.encodings += encodings
            self.net_pixels += net_pixels

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Counts the seconds of what is done inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[what] = self.seconds.get(what, 0.0) + time.perf_counter() - start

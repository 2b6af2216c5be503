"""EvoLink as the stub plays it: submits, single reads, batch reads, each for some microseconds.

A task is its number: when it ends follows from that and from when it was accepted.
"""

from __future__ import annotations

import math
import random
import time
from array import array
from collections import Counter

import attrs

from .rivals.shapes import shapes
from .stub import Answer, framed, reply

SHOT = {"model": "wan2.6-reference-video", "prompt": "A dance", "video_urls": ["https://example.com/a.mp4"]}

_HEAD = b'"created":1757169743,"model":"wan2.6-reference-video","object":"video.generation.task","type":"video"'
_PENDING = (
    b'{"id":"%b",' + _HEAD + b',"progress":0,"status":"pending","task_info":{"can_cancel":true,"estimated_time":%d},'
    b'"usage":{"billing_rule":"per_call","credits_reserved":40.8,"user_group":"default"}}'
)
_PROCESSING = b'{"id":"%b",' + _HEAD + b',"progress":45,"status":"processing","task_info":{"can_cancel":true}}'
_COMPLETED = (
    b'{"id":"%b",' + _HEAD + b',"progress":100,"status":"completed","task_info":{"can_cancel":false},'
    b'"results":["%b/%b.mp4"],"usage":{"credits_used":40.8}}'
)


def task_id(number: int) -> str:
    """The id of the n-th task."""
    return f"task-unified-1757169743-{number:08}"


@attrs.frozen
class Lives:
    """How long tasks live: for ever, or for a time drawn for each, or until they all end together.

    Attributes:
        median: Seconds half of them live; lognormal, cv 0.25.
        together: So many must have been accepted before the first ends,
        rest: and so many seconds have passed since,
        spread: and in so many seconds they all end, in no order.
        results: Where the links lead.
    """

    median: float = math.inf
    together: int = 0
    rest: float = 0.0
    spread: float = 0.0
    results: str = "https://files.evolink.ai"

    def __call__(self) -> Answer:
        """Make the vendor's answers, in its own process."""
        return Service(self).answer


class Service:
    """The vendor's memory, and its answers."""

    def __init__(self, lives: Lives) -> None:
        self._lives = lives
        self._ends = array("d")
        self._dice = random.Random("lives")
        self._requested_at = array("d")
        self._polls = 0
        self._together_from = math.inf
        self._results = lives.results.encode()
        self._others = shapes(lambda: False, Counter())

    def answer(self, path: str, body: bytes) -> bytes:
        """Answer a request."""
        if path == "/v1/tasks/batch":
            return framed(b'{"data":[%b]}' % b",".join(self._look(body.split(b'"')[3::2])))
        if path.startswith("/v1/tasks/"):
            return framed(self._look([path.rpartition("/")[2].encode()])[0])
        if path.startswith("/v1/"):
            return framed(self._accepted(self.accept()))
        return reply(self.figures()) if path == "/figures" else self._others(path, body)

    @property
    def accepted(self) -> int:
        """How many tasks there are."""
        return len(self._ends)

    def accept(self) -> int:
        """Make the next task."""
        lives, number = self._lives, len(self._ends)
        lived = lives.median * math.exp(self._dice.gauss(0.0, 0.246))
        self._ends.append(time.monotonic() + lived)
        if number + 1 == lives.together:
            self._together_from = time.monotonic() + lives.rest
        return number

    def _accepted(self, number: int) -> bytes:
        median = self._lives.median
        return _PENDING % (task_id(number).encode(), 120 if math.isinf(median) else max(1, round(median)))

    def note_request(self, polls: int) -> float:
        """Count a status request for so many tasks; returns when it came."""
        now = time.monotonic()
        self._requested_at.append(now)
        self._polls += polls
        return now

    def _look(self, ids: list[bytes]) -> list[bytes]:
        now = self.note_request(len(ids))
        return [self._row(name, now) for name in ids]

    def _row(self, name: bytes, now: float) -> bytes:
        number = name[-8:]
        return _COMPLETED % (name, self._results, number) if now >= self.end(int(number)) else _PROCESSING % name

    def end(self, number: int) -> float:
        """When a task ends, on the monotonic clock that all processes of a machine share."""
        if self._lives.together:
            return self._together_from + self._lives.spread * (number * 0.6180339887 % 1)
        return self._ends[number] if number < len(self._ends) else math.inf

    def figures(self) -> dict[str, object]:
        """What was asked of it so far."""
        return {
            "submits": len(self._ends),
            "status_requests": len(self._requested_at),
            "polls": self._polls,
            "most_in_10_s": most_within(self._requested_at, 10.0),
        }


def most_within(times: array[float], seconds: float) -> int:
    """The most of these moments, in order, that fall into any so many seconds."""
    most, first = 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most

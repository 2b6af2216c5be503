"""The vendor of a whole batch: one memory of tasks, told to each client in the shape that it reads.

The tasks and their durations are those of `..service`, whoever asks; so is the code that serves.
"""

from __future__ import annotations

import re

import attrs

from ..service import Lives, Service, task_id
from ..stub import TRAFFIC, Answer, reply
from .shapes import DONE, PROCESSING, TASK_ID, vendor_of

_ID = re.compile(r"task-unified-\d+-(\w{8})")
_MADE_UP = TASK_ID.encode()
"""The id in the answers that are made beforehand. Every other one is as long, so `Content-Length` stays right."""

_GOING_ON = {vendor: reply(body) for vendor, body in PROCESSING.items()}
_ENDED = {vendor: reply(PROCESSING[vendor] | DONE.get(vendor, {})) for vendor in PROCESSING}


@attrs.frozen
class Vendors:
    """All of them: called in the stub's process, it makes their answers."""

    lives: Lives

    def __call__(self) -> Answer:
        """Make the answers."""
        return _Vendors(self.lives).answer


class _Vendors(Service):
    """EvoLink as it is, and the others beside it."""

    def answer(self, path: str, body: bytes) -> bytes:
        """Answer a request; `/batch` tells what was counted, and when each task ends."""
        if path == "/batch":
            return reply({**self.figures(), **TRAFFIC, "ends": self._all_ends()})
        return super().answer(path, body) if path.startswith("/v1/") else self._other(path)

    def _other(self, path: str) -> bytes:
        vendor, found = vendor_of(path), _ID.search(path)
        if found is None:
            vendor = "fal" if vendor == "fal result" else vendor
            return self._shape(_GOING_ON, vendor, task_id(self.accept()))
        now = self.note_request(1)
        has_ended = found[0] != TASK_ID and now >= self.end(int(found[1]))
        return self._shape(_ENDED if has_ended else _GOING_ON, vendor, found[0])

    def _shape(self, shapes: dict[str, bytes], vendor: str, name: str) -> bytes:
        return shapes[vendor].replace(_MADE_UP, name.encode())

    def _all_ends(self) -> dict[str, float]:
        return {task_id(number): self.end(number) for number in range(self.accepted)}

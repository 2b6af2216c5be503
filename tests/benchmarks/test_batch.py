"""The vendor of the theme `batch`: one memory of tasks, told in the shapes of all clients."""

from __future__ import annotations

import json
import math

import pytest

from benchmarks.rivals.service import Vendors
from benchmarks.service import Lives

PATHS = {
    "evolink": ("/v1/videos/generations", "/v1/tasks/{}"),
    "openai": ("/openai/v1/videos", "/openai/v1/videos/{}"),
    "replicate": ("/replicate/v1/predictions", "/replicate/v1/predictions/{}"),
    "runwayml": ("/runwayml/v1/text_to_video", "/runwayml/v1/tasks/{}"),
    "fal": ("/fal/fal-ai/wan", "/fal/fal-ai/wan/requests/{}/status?logs=False"),
}
"""How each submits, and how each polls."""
WORDS = {
    "evolink": ("processing", "completed"),
    "openai": ("in_progress", "completed"),
    "replicate": ("processing", "succeeded"),
    "runwayml": ("RUNNING", "SUCCEEDED"),
    "fal": ("IN_PROGRESS", "COMPLETED"),
}


def read(answer: bytes) -> dict[str, object]:
    """The JSON of an answer, whose length is as its head says."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(body) in head
    return json.loads(body)


@pytest.mark.parametrize("vendor", PATHS)
@pytest.mark.parametrize("has_ended", [False, True])
def test_each_client_is_told_of_its_task_in_its_shape(vendor, has_ended):
    """Under the id that its submit was answered with, however many tasks there are."""
    answer = Vendors(Lives(median=0.0 if has_ended else math.inf))()
    submit, poll = PATHS[vendor]
    name = "request_id" if vendor == "fal" else "id"
    ids = [str(read(answer(submit, b"{}"))[name]) for _ in range(3)]
    assert len(set(ids)) == 3
    for task in ids:
        seen = read(answer(poll.format(task), b""))
        assert (seen[name], seen["status"]) == (task, WORDS[vendor][has_ended])
    counted = read(answer("/batch", b""))
    assert (counted["submits"], counted["status_requests"], counted["polls"]) == (3, 3, 3)
    assert set(counted["ends"]) == set(ids)  # type: ignore[call-overload]  # it is an object


def test_all_clients_have_the_same_durations():
    """Whoever asks, the n-th task takes as long."""

    def lasted(submit: str) -> list[float]:
        answer = Vendors(Lives(median=1e9))()
        for _ in range(50):
            answer(submit, b"{}")
        return list(read(answer("/batch", b""))["ends"].values())  # type: ignore[attr-defined]  # it is an object

    first, *others = (lasted(submit) for submit, _ in PATHS.values())
    assert all(other == pytest.approx(first, rel=1e-6) for other in others)

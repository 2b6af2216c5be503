"""What each vendor says of a task, in the shape that its client reads, as bytes made beforehand.

No connection is known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ..stub import Answer, reply

TASK_ID = "task-unified-1757169743-7cvnl5zw"
"""The one task that the vendor has."""

PROMPT = "A person dancing in the rain under a street lamp, slow dolly shot, 35 mm"
CREATED = "2025-09-06T14:42:23.417Z"
FAL = f"https://queue.fal.run/fal-ai/wan/requests/{TASK_ID}"
REPLICATE = f"https://api.replicate.com/v1/predictions/{TASK_ID}"

PROCESSING: dict[str, dict[str, object]] = {
    "evolink": {
        "created": 1757169743,
        "id": TASK_ID,
        "model": "wan2.6-reference-video",
        "object": "video.generation.task",
        "progress": 45,
        "status": "processing",
        "task_info": {"can_cancel": True},
        "type": "video",
    },
    "openai": {
        "id": TASK_ID,
        "object": "video",
        "created_at": 1757169743,
        "completed_at": None,
        "error": None,
        "expires_at": None,
        "model": "sora-2",
        "progress": 45,
        "prompt": PROMPT,
        "remixed_from_video_id": None,
        "seconds": "8",
        "size": "1280x720",
        "status": "in_progress",
    },
    "replicate": {
        "id": TASK_ID,
        "model": "wan-video/wan-2.6-i2v",
        "version": "hidden",
        "input": {"prompt": PROMPT, "image": "https://example.com/a.jpg", "duration": 5, "resolution": "720p"},
        "logs": "Running prediction...\nGenerating video...\n",
        "output": None,
        "data_removed": False,
        "error": None,
        "source": "api",
        "status": "processing",
        "created_at": CREATED,
        "started_at": CREATED,
        "urls": {"cancel": f"{REPLICATE}/cancel", "get": REPLICATE},
    },
    "runwayml": {
        "id": TASK_ID,
        "status": "RUNNING",
        "createdAt": CREATED,
        "progress": 0.45,
        "estimatedCost": {"credits": 25},
    },
    "fal": {
        "status": "IN_PROGRESS",
        "request_id": TASK_ID,
        "response_url": FAL,
        "status_url": f"{FAL}/status",
        "cancel_url": f"{FAL}/cancel",
        "logs": None,
        "metrics": {},
    },
    "fal result": {"video": {"url": "https://v3.fal.media/files/a.mp4", "content_type": "video/mp4"}},
}
"""What each vendor says of a task under way; the fields are those of EvoLink's pages and of the clients' own types."""

DONE: dict[str, dict[str, object]] = {
    "openai": {"status": "completed", "progress": 100, "completed_at": 1757169908},
    "replicate": {"status": "succeeded", "output": "https://replicate.delivery/a.mp4", "completed_at": CREATED},
    "runwayml": {"status": "SUCCEEDED", "output": ["https://example.com/a.mp4"], "cost": {"credits": 25}},
    "fal": {"status": "COMPLETED", "metrics": {"inference_time": 164.2}},
}
"""What is different once the task is done."""


_PROCESSING = {vendor: reply(body) for vendor, body in PROCESSING.items()}
_DONE = {vendor: reply(PROCESSING[vendor] | body) for vendor, body in DONE.items()}


def shapes(is_done: Callable[[], bool], asked: Counter[str]) -> Answer:
    """Answer as the vendor whose name the path begins with. `is_done` tells whether the task is; `asked` counts."""

    def answer(path: str, _: bytes) -> bytes:
        vendor = vendor_of(path)
        asked[vendor] += 1
        done = _DONE.get(vendor) if is_done() else None
        return done or _PROCESSING[vendor]

    return answer


def vendor_of(path: str) -> str:
    """Whose shape a path asks for."""
    path = path.partition("?")[0]
    first = path.split("/", 2)[1]
    if first == "fal" and not path.endswith("/status"):
        return "fal result"
    return "evolink" if first == "v1" else first

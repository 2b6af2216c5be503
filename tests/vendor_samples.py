"""The replies kept as files under `tests/samples`, and answers made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evolink_async.wire import Response

FOLDER = Path(__file__).parent / "samples"
TASK_ID = "task-unified-1757169743-7cvnl5zw"


def names(pattern: str) -> list[str]:
    """The samples whose name matches, without their suffix."""
    return sorted(path.stem for path in FOLDER.glob(pattern + ".json"))


def body(name: str) -> bytes:
    """A sample's bytes."""
    return (FOLDER / f"{name}.json").read_bytes()


def sample(name: str) -> Any:
    """A sample as plain values, read with the standard library."""
    return json.loads(body(name))


def answer(content: object = b"", status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An HTTP answer: with these bytes, or with these values as JSON."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Response(status=status, headers=headers or {}, body=raw)

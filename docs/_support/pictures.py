"""Pictures of what a doubt is: the states of a job, and what each answer to a paid request means.

Both are drawn from what the code decides by: the table of transitions, and the verdicts on answers. They are SVG inside
of the page, so that they take its colours, light and dark; `_static/pages.css` has the colours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape

from evolink_async.errors import EvolinkError, NotDeliveredError, SubmissionUnknownError, UnsendableError
from evolink_async.purchases import RecordState, Transition, sources, target
from evolink_async.task import Snapshot
from evolink_async.wire import Response, may_send_again, on_submit

# --- the states of a job

BOXES: Mapping[tuple[RecordState, ...], tuple[int, int, str]] = {
    (RecordState.NEW, RecordState.PLANNED): (100, 220, "plain"),
    (RecordState.SUBMITTING,): (385, 220, "open"),
    (RecordState.ACCEPTED,): (740, 220, "open"),
    (RecordState.IN_DOUBT,): (385, 400, "doubt"),
    (RecordState.ABANDONED,): (385, 530, "end"),
    (RecordState.COMPLETED,): (740, 400, "good"),
    (RecordState.DOWNLOADED,): (740, 530, "good"),
    (RecordState.FAILED, RecordState.CANCELLED): (740, 60, "end"),
}
"""Where each state stands: the middle of its box, and its colour. Some states share a box."""
WIDTH, HEIGHT = 150, 44

# From box to box, by the first state of each: the path of the arrow, and where its words begin.
_A, _B, _C, _D = RecordState.NEW, RecordState.SUBMITTING, RecordState.ACCEPTED, RecordState.IN_DOUBT
ARROWS: Mapping[tuple[RecordState, RecordState], tuple[str, int, int, str]] = {
    (_A, _B): ("M175 212 H308", 242, 202, "middle"),
    (_B, _A): ("M310 230 H177", 242, 248, "middle"),
    (_B, _C): ("M460 220 H663", 562, 212, "middle"),
    (_B, _D): ("M372 242 V376", 362, 306, "end"),
    (_D, _B): ("M398 378 V244", 408, 282, "start"),
    (_D, _C): ("M455 378 L668 244", 552, 350, "start"),
    (_D, _A): ("M325 378 L140 244", 216, 336, "end"),
    (_D, RecordState.ABANDONED): ("M385 422 V506", 375, 468, "end"),
    (_C, RecordState.ABANDONED): ("M704 242 C678 400 600 525 462 530", 618, 502, "start"),
    (_C, RecordState.COMPLETED): ("M740 242 V376", 750, 306, "start"),
    (_C, RecordState.FAILED): ("M740 198 V84", 750, 146, "start"),
    (_C, _A): ("M680 198 C600 120 220 120 130 196", 395, 122, "middle"),
    (RecordState.FAILED, _A): ("M663 56 C420 20 170 60 100 196", 395, 32, "middle"),
    (RecordState.COMPLETED, RecordState.DOWNLOADED): ("M740 422 V506", 750, 468, "start"),
}


def states() -> str:
    """Return the picture of the states of a job, with what leads from one to the next."""
    parts = [_arrow(pair, events) for pair, events in moves().items()]
    parts += [_box(*box) for box in BOXES.items()]
    return _svg(890, 562, "The states of a job, and what leads from one to the next.", parts)


def moves() -> dict[tuple[RecordState, RecordState], list[Transition]]:
    """Return the events that lead from one box to another, by the first state of each."""
    box_of = {state: states[0] for states in BOXES for state in states}
    found: dict[tuple[RecordState, RecordState], list[Transition]] = {}
    for event in Transition:
        for before in (*sources(event), *([RecordState.NEW] if event is Transition.SENT else [])):
            pair = box_of[before], box_of[target(event)]
            if pair[0] != pair[1] and event not in found.setdefault(pair, []):
                found[pair].append(event)
    return {pair: events for pair, events in found.items() if events}


def _box(names: tuple[RecordState, ...], place: tuple[int, int, str]) -> str:
    x, y, kind = place
    words = " or ".join(name.replace("_", " ") for name in names)
    return (
        f'<g class="box {kind}"><rect x="{x - WIDTH // 2}" y="{y - HEIGHT // 2}" width="{WIDTH}" height="{HEIGHT}"'
        f' rx="8"/><text x="{x}" y="{y + 5}" text-anchor="middle">{words}</text></g>'
    )


def _arrow(pair: tuple[RecordState, RecordState], events: list[Transition]) -> str:
    path, x, y, anchor = ARROWS[pair]
    kind = " doubt" if RecordState.IN_DOUBT in pair else ""
    lines = [line for event in events for line in _broken(event, 20 if anchor != "middle" else 60)]
    first = y - 15 * (len(lines) - 1) // (1 if anchor == "middle" and y < 220 else 2)
    words = "".join(
        f'<text x="{x}" y="{first + 15 * number}" text-anchor="{anchor}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    return f'<g class="arrow{kind}"><path d="{path}" marker-end="url(#tip)"/>{words}</g>'


def _broken(text: str, width: int) -> Iterator[str]:
    """Break a text into lines of about a width."""
    line = ""
    for word in text.split():
        if line and len(line) + len(word) > width:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line


# --- what an answer means

ACCEPTED, AGAIN, REFUSED, DOUBT = "accepted", "sent again", "refused", "in doubt"
COLOURS = {ACCEPTED: "good", AGAIN: "open", REFUSED: "end", DOUBT: "doubt"}
_TASK = json.dumps({"id": "task-unified-1", "status": "pending", "created": 1}).encode()
_WORDS = json.dumps({"error": {"code": "some_code", "message": "no"}}).encode()
_BUSY = json.dumps({"error": {"code": "service_unavailable", "message": "no"}}).encode()
_PAGE = b"<html><body>Not the service</body></html>"
STATUSES = (
    *(400, 401, 402, 403, 404, 405, 407, 408, 409, 410, 411, 413, 414, 415, 421, 422, 425, 426, 429, 431, 451, 499),
    *(307, 500, 502, 503, 504),
)


def verdict(status: int, body: bytes) -> str:
    """Return what the library makes of an answer to a paid request."""
    found = on_submit(Response(status=status, headers={}, body=body), now=0)
    return ACCEPTED if isinstance(found, Snapshot) else verdict_of(found)


def verdict_of(error: EvolinkError) -> str:
    """Return what the library makes of an error that a paid request met."""
    if isinstance(error, SubmissionUnknownError):
        return DOUBT
    return AGAIN if may_send_again(error, "if_undelivered") else REFUSED


def rows() -> list[tuple[str, str, str]]:
    """Return what was seen, and its verdict if the service said it, and if a proxy did."""
    groups: dict[tuple[str, str], list[int]] = {}
    for status in STATUSES:
        groups.setdefault((verdict(status, _WORDS), verdict(status, _PAGE)), []).append(status)
    gone = verdict_of(NotDeliveredError("no connection"))
    cut = verdict_of(SubmissionUnknownError("reset"))
    barred = verdict_of(UnsendableError("certificate"))
    return [
        ("no connection was made", gone, gone),
        ("the first certificate of a host is refused", barred, barred),
        ("200 with a task id", verdict(200, _TASK), verdict(200, _TASK)),
        ("200 without a task id", verdict(200, _WORDS), verdict(200, _PAGE)),
        ('503 that says "not accepted"', verdict(503, _BUSY), verdict(503, _PAGE)),
        *((", ".join(map(str, statuses)), *pair) for pair, statuses in groups.items()),
        ("sent, then reset, time-out or half of an answer", cut, cut),
    ]


def answers() -> str:
    """Return the picture of what each answer to a paid request means."""
    parts = [_head(x, words) for x, words in ((8, "The answer"), (308, "from the service"), (446, "from a proxy"))]
    y = 44
    for what, own, foreign in rows():
        lines = list(_broken(what, 38))
        height = 14 + 18 * len(lines)
        parts += [f'<text x="8" y="{y + 20 + 18 * number}">{escape(line)}</text>' for number, line in enumerate(lines)]
        shown = [(308, own, 268)] if own == foreign else [(308, own, 130), (446, foreign, 130)]
        parts += [_cell(x, y, width, height, word) for x, word, width in shown]
        y += height + 6
    return _svg(584, y + 6, "What each answer to a paid request means.", parts)


def _head(x: int, words: str) -> str:
    return f'<text class="head" x="{x}" y="26">{words}</text>'


def _cell(x: int, y: int, width: int, height: int, word: str) -> str:
    middle = x + width // 2, y + height // 2 + 5
    return (
        f'<g class="box {COLOURS[word]}"><rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'
        f'<text x="{middle[0]}" y="{middle[1]}" text-anchor="middle">{word}</text></g>'
    )


def _svg(width: int, height: int, title: str, parts: list[str]) -> str:
    """Return a picture as HTML in Markdown; it scrolls by itself where the page is too narrow."""
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"'
        ' orient="auto-start-reverse"><path d="M0 0L8 4L0 8z"/></marker></defs>'
    )
    drawn = "\n".join([tip, *parts])
    return (
        f'```{{raw}} html\n<div class="picture" tabindex="0"><svg viewBox="0 0 {width} {height}"'
        f' style="min-width: {width * 3 // 4}px; max-width: {width}px" role="img" aria-label="{title}">'
        f"\n{drawn}\n</svg></div>\n```"
    )

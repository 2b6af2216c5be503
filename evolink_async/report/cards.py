"""What the page is told of one job: plain values that become JSON.

Nothing is read here: histories come from the journal, addresses of films from the caller.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs

from ..errors import EvolinkError, SubmissionUnknownError, TaskError, TaskNotFoundError
from ..jobs import CALLBACK_URL, Accepted, Completed, Failed, Planned, Standing, Unknown
from ..journal.doubts import Doubt, what_to_check, window_of
from ..journal.histories import JobHistory

State: TypeAlias = Literal["planned", "submitting", "making", "ready", "failed", "doubt"]
"""The word of the page for where a job stands."""

LONGEST_PROMPT = 10_000
"""Characters of a prompt that the page shows; the service takes fewer."""
LONGEST_BODY = 40_000
"""Characters of a request body, as JSON, with which its parameters are shown."""
LONGEST_MESSAGE = 2_000
"""Characters of a message, of a suggestion or of an advice."""
MOST_LINKS = 20
"""Result links of a job; a video has one."""
LONGEST_LINK = 4_000
"""Characters of a link; a longer one is left out."""


@attrs.frozen(kw_only=True)
class Film:
    """A saved file of a job.

    Attributes:
        href: Its address for the page; None if the file is gone.
        name: Its name.
        path: Where it was saved.
        size_bytes: Its size, if the journal knows it.
        saved_at: Unix seconds when it was written, if the journal knows it.
    """

    href: str | None
    name: str
    path: str
    size_bytes: int | None = None
    saved_at: float | None = None


@attrs.frozen(kw_only=True)
class Problem:
    """Why a job has no film.

    Attributes:
        code: The service's code, or the name of the error.
        message: What happened.
        advice: What to do about it.
        may_be_charged: Whether a task may exist that was paid for: of a job in doubt, or one that was given up.
    """

    code: str
    message: str
    advice: str
    may_be_charged: bool = False


@attrs.frozen(kw_only=True)
class Search:
    """What helps to find the task of a job in doubt.

    Attributes:
        begin: Unix seconds from which on it was made.
        end: Unix seconds until when it was made.
        account: Fingerprint of the API key.
        idempotency_key: That of the purchase.
        request_id: That of the answer, if there was one.
        http_status: That of the answer, if there was one.
        check: The sentence on what to look for, before and after the two times, which the page writes in its own zone.
    """

    begin: float
    end: float
    account: str
    idempotency_key: str | None
    request_id: str | None
    http_status: int | None
    check: tuple[str, str]


@attrs.frozen(kw_only=True)
class Card:
    """What the page is told of one job. Times are Unix seconds.

    Attributes:
        place: Its place in the journal; identifies it on the page.
        key: Its key.
        state: Where it stands.
        model: The model that it asked for.
        body: The request body, as far as it is shown, without the address for callbacks: that holds a secret.
        is_cut: Whether the body is longer than what is shown.
        credits: Credits charged, or held while it is being made.
        sent_at, accepted_at, ended_at: When it was sent, accepted and found to have ended.
        lag: Seconds that the result may have waited to be found.
        polls: Polls of its task.
        estimated_seconds: The service's estimate.
        expires_at: When its links expire.
        links: The result links.
        films: The saved files.
        task_id: The task, if it is known.
        earlier_tasks: Tasks of it that failed before.
        problem: Why it has no film.
        search: Of a job that a person may settle, what to look for.
        poster: A picture of its film, as a `data:` address.
    """

    place: int
    key: str
    state: State
    model: str
    body: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    is_cut: bool = False
    credits: float | None = None
    sent_at: float | None = None
    accepted_at: float | None = None
    ended_at: float | None = None
    lag: float | None = None
    polls: int | None = None
    estimated_seconds: float | None = None
    expires_at: float | None = None
    links: Sequence[str] = ()
    films: Sequence[Film] = ()
    task_id: str | None = None
    earlier_tasks: Sequence[str] = ()
    problem: Problem | None = None
    search: Search | None = None
    poster: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object, without what is empty."""
        return attrs.asdict(self, filter=lambda _, value: value is not None and value != () and value is not False)


AddressOf: TypeAlias = Callable[[int, int, Path], str | None]
"""Gives the address of a film on the page, by the place of its job, its number and its path; None if it is gone."""


def card_of(history: JobHistory, doubt: Doubt | None, address_of: AddressOf) -> Card:
    """Return what the page is told of a job.

    Args:
        history: What the journal keeps of it.
        doubt: The same job, if a person may settle it.
        address_of: Gives the addresses of its films.
    """
    standing = history.standing
    done = standing if isinstance(standing, Completed) else None
    error = standing.error if isinstance(standing, Failed | Unknown) else None
    body, is_cut = shown_body(history.body)
    timing = done.timing if done else None
    return Card(
        place=history.place,
        key=history.key,
        state=state_of(standing, is_missing=history.is_missing),
        model=history.model,
        body=body,
        is_cut=is_cut,
        credits=None if isinstance(standing, Planned | Failed) else history.credits,
        sent_at=history.sent_at,
        accepted_at=history.accepted_at,
        ended_at=history.ended_at,
        lag=timing.lag if timing else None,
        polls=timing.looks if timing else None,
        estimated_seconds=history.estimated_seconds,
        expires_at=done.expires_at if done else None,
        links=tuple(link for link in done.urls[:MOST_LINKS] if len(link) <= LONGEST_LINK) if done else (),
        films=tuple(_films_of(history.place, done, address_of)) if done else (),
        task_id=None if isinstance(standing, Planned | Unknown) else standing.task_id,
        earlier_tasks=standing.earlier_tasks,
        problem=problem_of(error or (doubt.error if doubt else None)),
        search=None if doubt is None else _search_of(doubt),
    )


def state_of(standing: Standing, *, is_missing: bool = False) -> State:
    """Return the word of the page for where a job stands."""
    match standing:
        case Planned():
            return "submitting" if standing.is_submitting else "planned"
        case Accepted():
            return "doubt" if is_missing else "making"
        case Completed():
            return "ready"
        case Failed():
            return "failed"
        case Unknown():
            return "doubt"


def shown_body(body: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return as much of a request body as is shown, and whether something is missing."""
    shown = {name: value for name, value in body.items() if name != CALLBACK_URL}
    is_cut = len(json.dumps(shown)) > LONGEST_BODY
    if is_cut:
        shown = {name: shown[name] for name in ("model", "prompt") if isinstance(shown.get(name), str)}
    prompt = shown.get("prompt")
    if isinstance(prompt, str) and len(prompt) > LONGEST_PROMPT:
        return shown | {"prompt": prompt[:LONGEST_PROMPT]}, True
    return shown, is_cut


def problem_of(error: EvolinkError | None) -> Problem | None:
    """Return what the page is told of an error."""
    if error is None:
        return None
    code = (error.code if isinstance(error, TaskError | SubmissionUnknownError) else None) or type(error).__name__
    # The service's own words: with the id of the task, no two messages would be the same.
    fault = error.snapshot.fault if isinstance(error, TaskError) else None
    message = (fault.message if fault is not None else None) or str(error)
    code, message, advice = (text[:LONGEST_MESSAGE] for text in (code, message, error.advice))
    may_be_charged = isinstance(error, SubmissionUnknownError | TaskNotFoundError)
    return Problem(code=code, message=message, advice=advice, may_be_charged=may_be_charged)


def _films_of(place: int, done: Completed, address_of: AddressOf) -> list[Film]:
    return [
        Film(
            href=address_of(place, number, file.path),
            name=file.path.name,
            path=str(file.path),
            size_bytes=file.size_bytes,
            saved_at=None if file.mtime_ns is None else file.mtime_ns / 1e9,
        )
        for number, file in enumerate(done.saved)
    ]


def _search_of(doubt: Doubt) -> Search:
    begin, end = window_of(doubt)
    # A mark that no model's name has.
    before, _, after = what_to_check(doubt, "\0").partition("\0")
    return Search(
        begin=begin.timestamp(),
        end=end.timestamp(),
        account=doubt.session,
        idempotency_key=doubt.error.idempotency_key,
        request_id=doubt.error.request_id,
        http_status=doubt.error.status,
        check=(before, after),
    )

"""The tree of errors: it is as documented, complete and picklable, and each error has advice."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest

from evolink_async import errors
from evolink_async.errors import (
    DeadlineError,
    EvolinkError,
    InvalidValue,
    ParamsError,
    PreflightError,
    StatusError,
)
from evolink_async.journal.entries import in_doubt
from evolink_async.task import Snapshot, TaskFailure

SNAPSHOT = Snapshot(
    task_id="t-1", state="failed", fault=TaskFailure(code="service_error"), extra={"a": [1, {"b": None}]}
)
STATUS: dict[str, Any] = {
    "code": "word",
    "request_id": "req-1",
    "retry_after": 1.5,
    "param": "prompt",
    "task_id": "t-1",
}
ARGUMENTS: dict[str, tuple[tuple, dict]] = {
    "ParamsError": (
        ([InvalidValue("prompt", "is required"), InvalidValue("urls[2]", "is no URL")],),
        {"model": "wan2.6"},
    ),
    "PreflightError": (([InvalidValue("a.mp4", "is too long")],), {}),
    "TransportError": (("reset",), {"kind": "poll"}),
    "NotDeliveredError": (("refused",), {"kind": "submit"}),
    "SubmissionUnknownError": (
        ("lost",),
        {"key": "k", "idempotency_key": "ev-1", "status": 502, "code": "c", "request_id": "r", "sent_at": 5.0},
    ),
    "OutageError": (("out",), {"trouble": EvolinkError("reset")}),
    "ReplyError": (("html",), {"status": 200, "excerpt": "<html>", "request_id": "r", "task_id": "t-1"}),
    "TaskError": (("ended",), {"snapshot": SNAPSHOT}),
    "TaskFailedError": (
        ("failed",),
        {"snapshot": SNAPSHOT, "code": "service_error", "advice": "Wait a minute, then try again."},
    ),
    "TaskCancelledError": (("cancelled",), {"snapshot": SNAPSHOT}),
    "DeadlineError": (("late",), {"task_id": "t-1", "waited": 2.5}),
    "BudgetError": (("dear",), {"needed": 5.0, "left": 2.5}),
    "DownloadError": (("disk full",), {"url": "https://a/b.mp4", "path": "b.mp4"}),
    "LinkExpiredError": (("gone",), {"url": "https://a/b.mp4"}),
    "UploadError": (("refused",), {"source": "a.mp4", "status": 400, "code": 400, "request_id": "r"}),
}


def every_class(base: type[EvolinkError] = EvolinkError) -> list[type[EvolinkError]]:
    """The public error classes, from the root down; those that only the library sees are not part of the tree."""
    subclasses = [c for c in base.__subclasses__() if c.__module__.startswith("evolink_async.errors")]
    return [base, *(found for cls in subclasses for found in every_class(cls))]


PUBLIC = [cls for cls in every_class() if not cls.__name__.startswith("_")]


def make(cls: type[EvolinkError]) -> EvolinkError:
    """An error with every attribute set."""
    if issubclass(cls, StatusError):
        return cls(418, "a teapot", **STATUS)
    args, kwargs = ARGUMENTS.get(cls.__name__, (("what happened",), {}))
    return cls(*args, **kwargs)


def attributes(error: EvolinkError) -> dict[str, Any]:
    """Its attributes; errors in them are compared by their text, because no error equals a copy of itself."""
    return {name: repr(value) if isinstance(value, EvolinkError) else value for name, value in vars(error).items()}


def drawn_tree() -> dict[str, str]:
    """Name and parent of every class in the drawing of the module's docstring."""
    parents: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^([ |`-]*)([A-Z]\w*Error)\b", line)
        if found:
            depth, name = len(found[1]), found[2]
            path = [above for above in path if above[0] < depth]
            parents[name] = path[-1][1] if path else ""
            path.append((depth, name))
    return parents


def real_parent(cls: type[EvolinkError]) -> str:
    """The nearest public error class above."""
    above = [c for c in cls.__mro__[1:] if issubclass(c, EvolinkError) and not c.__name__.startswith("_")]
    return above[0].__name__ if above else ""


def test_the_tree_drawn_is_the_tree():
    """The docstring and the classes agree; no class is missing in either."""
    assert drawn_tree() == {cls.__name__: real_parent(cls) for cls in PUBLIC}
    assert len(PUBLIC) == 30


def test_every_class_can_be_imported_from_one_place():
    """`evolink_async.errors` has them all."""
    assert all(getattr(errors, cls.__name__) is cls for cls in PUBLIC)


@pytest.mark.parametrize("cls", PUBLIC)
def test_an_error_says_what_to_do_now(cls):
    """One or more sentences of advice, a plain yes or no on resubmitting, and a docstring."""
    error = make(cls)
    assert isinstance(error, Exception)
    assert isinstance(error.advice, str)
    assert re.fullmatch(r"[A-Z].{20,}\.", error.advice)
    assert type(error.may_resubmit) is bool
    assert cls.__doc__


@pytest.mark.parametrize("cls", PUBLIC)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_survives_a_process_border(cls, protocol):
    """Class, message, arguments and every attribute; also through `copy`, and with notes."""
    error = make(cls)
    error.add_note("seen by a test")
    for again in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is cls
        assert (str(again), repr(again), again.args) == (str(error), repr(error), error.args)
        assert attributes(again) == attributes(error)
        assert (again.advice, again.may_resubmit) == (error.advice, error.may_resubmit)


@pytest.mark.parametrize("cls", PUBLIC)
def test_an_error_shows_what_happened(cls):
    """The message is in str, the class's name in repr."""
    error = make(cls)
    assert str(error)
    assert repr(error).startswith(cls.__name__ + "(")


def test_which_errors_are_also_the_standard_library_s():
    """`except ValueError` and `except TimeoutError` catch these errors."""
    assert issubclass(ParamsError, ValueError)
    assert issubclass(PreflightError, ValueError)
    assert issubclass(DeadlineError, TimeoutError)


def test_only_safe_errors_may_be_resubmitted():
    """A class that allows it says that nothing was accepted, charged or sent."""
    unsafe = {cls.__name__ for cls in PUBLIC if not cls.may_resubmit}
    assert unsafe >= {
        "SubmissionUnknownError",
        "TransportError",
        "DeadlineError",
        "DownloadError",
        "LinkExpiredError",
        "ReplyError",
    }


def test_faults_are_all_in_the_message():
    """Each as `what @ path`, after the model's name."""
    error = make(ParamsError)
    assert str(error) == "wan2.6: is required @ prompt; is no URL @ urls[2]"
    assert [fault.path for fault in error.faults] == ["prompt", "urls[2]"]  # type: ignore[attr-defined]


def test_an_unanswered_submit_is_in_doubt():
    """The error names the job and the request, and says that the job may cost credits."""
    error = in_doubt("k", idempotency_key="ev-1", sent_at=5.0).error
    assert (error.key, error.idempotency_key, error.sent_at, error.kind) == ("k", "ev-1", 5.0, "submit")
    assert "may have been accepted and charged" in str(error)
    assert not error.may_resubmit


def test_a_status_error_shows_status_code_and_ids():
    """The text has the fields that support asks for."""
    assert str(make(StatusError)) == "HTTP 418 word: a teapot (parameter prompt) (task t-1) (request req-1)"
    assert str(StatusError(500, "oops")) == "HTTP 500: oops"

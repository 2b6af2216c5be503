"""What follows for a queued job from each outcome it can have."""

from __future__ import annotations

import attrs
import pytest

from evolink_async import Unknown, errors
from evolink_async.engines.consequences import Consequence, consequence_of
from evolink_async.jobs import Failed
from tests.journal.test_laws import completed, doubt

REFUSED = [
    errors.InvalidRequestError(400, "bad"),
    errors.InterceptedError(403, "a page"),
    errors.JournalConflictError("other parameters"),
    errors.PreflightError([errors.InvalidValue("video_urls[0]", "is missing")]),
    errors.UnsendableError("no such header"),
]
PASSING = [
    errors.AccessDeniedError(403, "not for this key"),
    errors.AuthenticationError(401, "no"),
    errors.BudgetError("too dear", needed=2.0, left=1.0),
    errors.ConfigurationError("withdrawn before it was sent"),
    errors.InsufficientCreditsError(402, "top up"),
    errors.JournalError("the server is away"),
    errors.NotDeliveredError("no route"),
    errors.OutageError("nothing is accepted"),
    errors.RateLimitError(429, "slowly"),
    errors.ServerError(503, "busy"),
]


@pytest.mark.parametrize("error", REFUSED, ids=lambda error: type(error).__name__)
def test_a_job_refused_for_itself_is_given_up(error):
    """But not if a task of it exists: that one is looked for again."""
    assert consequence_of(Failed("a", error)) is Consequence.GIVE_UP
    assert consequence_of(Failed("a", error, "task-a")) is Consequence.PUT_OFF


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_may_pass_is_put_off(error):
    """Errors of the key, the load, the money and the way."""
    assert consequence_of(Failed("a", error)) is Consequence.PUT_OFF


def test_ends_leave_the_queue():
    """A film, a failed task, a doubt that a person gave up; not a film that was not saved, nor an open doubt."""
    assert consequence_of(completed("a")) is Consequence.DONE
    unsaved = attrs.evolve(completed("a"), download_error=errors.DownloadError("a full disk", url="https://a.b/c.mp4"))
    assert consequence_of(unsaved) is Consequence.PUT_OFF
    open_doubt = doubt("a")
    assert isinstance(open_doubt, Unknown)
    assert consequence_of(open_doubt) is Consequence.WAIT
    assert consequence_of(Failed("a", open_doubt.error)) is Consequence.DONE

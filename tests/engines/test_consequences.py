"""What follows for a queued job from each outcome it can have."""

from __future__ import annotations

import attrs
import pytest

from evolink_async import Unknown, errors
from evolink_async.engines.consequences import Consequence, consequence_of
from evolink_async.jobs import Failed
from tests.journal.test_laws import completed, doubt

NOW = completed("a").expires_at - 3600
"""An hour before the links of films are over."""
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
    assert consequence_of(Failed("a", error), NOW) is Consequence.GIVE_UP
    assert consequence_of(Failed("a", error, "task-a"), NOW) is Consequence.PUT_OFF


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_may_pass_is_put_off(error):
    """Errors of the key, the load, the money and the way."""
    assert consequence_of(Failed("a", error), NOW) is Consequence.PUT_OFF


def test_ends_leave_the_queue():
    """A film, a failed task, a doubt that a person gave up; not a film that was not saved, nor an open doubt."""
    assert consequence_of(completed("a"), NOW) is Consequence.DONE
    unsaved = attrs.evolve(completed("a"), download_error=errors.DownloadError("a full disk", url="https://a.b/c.mp4"))
    assert consequence_of(unsaved, NOW) is Consequence.PUT_OFF
    open_doubt = doubt("a")
    assert isinstance(open_doubt, Unknown)
    assert consequence_of(open_doubt, NOW) is Consequence.WAIT
    assert consequence_of(Failed("a", open_doubt.error), NOW) is Consequence.DONE


def test_a_film_whose_link_is_over_is_given_up():
    """It is asked for once more as long as the link should work, whatever the host said."""
    gone = attrs.evolve(completed("a"), download_error=errors.LinkExpiredError("HTTP 403", url="https://a.b/c.mp4"))
    assert consequence_of(gone, NOW) is Consequence.PUT_OFF
    assert consequence_of(gone, NOW + 3600) is Consequence.GIVE_UP
    unsaved = attrs.evolve(gone, download_error=errors.DownloadError("a full disk", url="https://a.b/c.mp4"))
    assert consequence_of(unsaved, NOW + 3600) is Consequence.PUT_OFF

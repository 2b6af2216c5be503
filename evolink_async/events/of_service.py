"""Events about the service, an API key or the pool, which matter to many jobs.

Those about one job are in `of_jobs`.
"""

from __future__ import annotations

import attrs

from ..errors import EvolinkError


@attrs.frozen(kw_only=True)
class DownloadsBehind:
    """Downloads are too slow: links will expire before their files are saved. At most one of these in a run.

    Attributes:
        at: Unix seconds.
        waiting: Number of files that wait.
        needed: Seconds until the last of them starts, at the speed so far.
        left: Seconds until the last of their links expires.
    """

    at: float
    waiting: int
    needed: float
    left: float


@attrs.frozen(kw_only=True)
class DownloadTrouble:
    """A host does not give results: it says nothing, or fails. One of these for each host and outage.

    Attributes:
        at: Unix seconds.
        host: The host of the links.
        reason: What is wrong, in a few words.
        patience: Seconds for which each result is tried without a byte; `RetryPolicy.patience`.
    """

    at: float
    host: str
    reason: str
    patience: float


@attrs.frozen(kw_only=True)
class KeySuspended:
    """A key is suspended. Its jobs go to other keys, or fail without a request, until it is restored.

    Attributes:
        at: Unix seconds.
        session: Fingerprint of the API key.
        error: The service's refusal.
    """

    at: float
    session: str
    error: EvolinkError


@attrs.frozen(kw_only=True)
class KeyRestored:
    """A suspended key may be used again: one job is sent with it, and if that is accepted, all are.

    Attributes:
        at: Unix seconds.
        session: Fingerprint of the API key.
    """

    at: float
    session: str


@attrs.frozen(kw_only=True)
class SubmitsLimited:
    """The limit of concurrent submits has changed: lower after refusals for load, higher after a time without any.

    Attributes:
        at: Unix seconds.
        limit: The new limit; at most `Limits.submits`.
    """

    at: float
    limit: int


@attrs.frozen(kw_only=True)
class BatchReadsOff:
    """The batch route of an account is switched off: each status request polls one task from now on.

    Attributes:
        at: Unix seconds.
        reason: What was wrong with the answers of the batch route.
    """

    at: float
    reason: str


@attrs.frozen(kw_only=True)
class SubmitsHalted:
    """Paid requests fail, so none is sent but one at a time, as a trial. Tasks are polled all the same.

    Attributes:
        at: Unix seconds.
        error: What the last paid request met.
    """

    at: float
    error: EvolinkError


@attrs.frozen(kw_only=True)
class SubmitsResumed:
    """The service accepts paid requests again.

    Attributes:
        at: Unix seconds.
    """

    at: float


@attrs.frozen(kw_only=True)
class PollingTrouble:
    """Polls do not go as usual: the service does not answer them, or says something that no page names.

    Attributes:
        at: Unix seconds.
        reason: What is wrong, as a sentence. It may hold a task id and a text of the service.
    """

    at: float
    reason: str

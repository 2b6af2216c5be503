"""The accounts that tasks are polled from, when a pool has several keys.

A key may be revoked while a task that it paid for goes on, and another key of the same account can read the task. So a
denial is the end only when no other key reads the task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar, cast

from ..errors import (
    AccessDeniedError,
    AuthenticationError,
    EvolinkError,
    ReplyError,
    StatusError,
    TaskNotFoundError,
    TransportError,
    UnsendableError,
)
from ..task import Snapshot
from .session import Session

PollVerdict: TypeAlias = Snapshot | StatusError | ReplyError | TransportError
_Answer = TypeVar("_Answer")


class OwnSession:
    """The account of the tasks that one key has made. When that key is denied, the other keys are asked.

    Args:
        owner: The session that made the tasks.
        others: The other sessions of the pool.
    """

    def __init__(self, owner: Session, others: Sequence[Session]) -> None:
        self._owner = owner
        self._others = tuple(others)
        # Whom the last poll was answered by: a revoked key is not asked before each poll of thousands.
        self._reader = owner

    @property
    def busy(self) -> int:
        """Tasks that are watched under the key that made them."""
        return self._owner.busy

    @busy.setter
    def busy(self, count: int) -> None:
        """Count them."""
        self._owner.busy = count

    async def poll(self, task_id: str) -> PollVerdict:
        """Poll once: the key that made the task, and the others if that one is denied."""
        if self._reader is not self._owner:
            return await self._ask(lambda session: session.poll(task_id))
        # Nearly every poll: two calls less for each.
        verdict = await self._owner.poll(task_id)
        if isinstance(verdict, Snapshot) or not _is_denied(verdict):
            return verdict
        return await self._ask_others(lambda session: session.poll(task_id), verdict)

    async def poll_many(self, task_ids: Sequence[str]) -> Mapping[str, Snapshot] | EvolinkError:
        """Poll many tasks with one status request: of the key that made them, and of the others if it is denied."""
        return await self._ask(lambda session: session.poll_many(task_ids))

    async def _ask(self, ask: Callable[[Session], Awaitable[_Answer]]) -> _Answer:
        reader, self._reader = self._reader, self._owner
        if reader is not self._owner:
            seen = await ask(reader)
            if _is_found(seen):
                self._reader = reader
                return seen
            # It has read tasks of this key: its trouble is no reason to believe the denial of another.
            if _is_trouble(seen):
                return seen
        seen = await ask(self._owner)
        return await self._ask_others(ask, seen) if _is_denied(seen) else seen

    async def _ask_others(self, ask: Callable[[Session], Awaitable[_Answer]], denial: _Answer) -> _Answer:
        trouble: _Answer | None = None
        for session in self._others:
            seen = await ask(session)
            if _is_found(seen):
                self._reader = session
                return seen
            trouble = seen if _is_trouble(seen) else trouble
        # While a key that may read the task has no usable answer, the denial is not the last word.
        return denial if trouble is None else trouble


class AnySession:
    """All accounts of a pool, for a task of which the journal does not know the account.

    Attributes:
        busy: 1 while the task is watched.
    """

    # A batch asks one account, and the tasks may belong to several.
    poll_many = None

    def __init__(self, sessions: tuple[Session, ...]) -> None:
        self.busy = 0
        self._sessions = sessions
        self._account: OwnSession | None = None

    async def poll(self, task_id: str) -> PollVerdict:
        """Poll once. Accounts are asked in order until one knows the task; later polls ask that one first.

        A task is missing only if every account says so: one that refuses to answer may have it.
        """
        if self._account is not None:
            return await self._account.poll(task_id)
        refusal: StatusError | None = None
        for session in self._sessions:
            verdict = await session.poll(task_id)
            if isinstance(verdict, Snapshot):
                self._account = OwnSession(session, [other for other in self._sessions if other is not session])
            if not isinstance(verdict, StatusError) or verdict.is_foreign or verdict.status >= 500:
                return verdict
            if refusal is None or isinstance(refusal, TaskNotFoundError):
                refusal = verdict
        assert refusal is not None  # noqa: S101  # there is at least one account
        return refusal


def _is_found(seen: object) -> bool:
    """Whether an answer shows a task; a batch that shows none may come from another account."""
    return isinstance(seen, Snapshot) or (isinstance(seen, Mapping) and bool(cast("Mapping[str, Snapshot]", seen)))


def _is_denied(seen: object) -> bool:
    """Whether the service itself denies the key."""
    return isinstance(seen, AuthenticationError | AccessDeniedError) and not seen.is_foreign


def _is_trouble(seen: object) -> bool:
    """Whether an answer says nothing of the key or the task, so that a later one may show the task."""
    if not isinstance(seen, EvolinkError) or isinstance(seen, UnsendableError) or _is_denied(seen):
        return False
    return not isinstance(seen, TaskNotFoundError) or seen.is_foreign

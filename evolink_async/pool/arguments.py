"""The arguments of a pool, checked and completed from the environment.

Nothing is opened or sent here.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

import attrs
from yarl import URL

from ..client import ApiKey, HttpOptions, base_url, is_loopback
from ..errors import ConfigurationError
from ..events import Observer
from ..jobs import Job
from ..journal import SETTLEMENTS, Journal, MemoryJournal, check_address, is_address, missing_extra
from ..params import Params, RawParams
from ..settings import Budget, Cadence, Limits, RetryPolicy
from ..wire import check_task_id
from .callbacks import Callbacks

DEFAULT_BASE_URL = "https://api.evolink.ai"
DEFAULT_FILES_URL = "https://files-api.evolink.ai"


_CLASSES: dict[str, tuple[type, ...]] = {
    "limits": (Limits,),
    "cadence": (Cadence,),
    "retry": (RetryPolicy,),
    "http": (HttpOptions,),
    "budget": (Budget, type(None)),
}


@attrs.frozen(kw_only=True)
class Settings:
    """The checked arguments of a pool; see `SessionPool`.

    Raises:
        ConfigurationError: Some are of a wrong class; it names all of them.
    """

    keys: tuple[ApiKey, ...]
    origin: URL
    files_origin: URL
    limits: Limits
    cadence: Cadence
    retry: RetryPolicy
    http: HttpOptions
    budget: Budget | None
    observer: Observer | None
    callbacks: Callbacks | None

    def __attrs_post_init__(self) -> None:
        if faults := [*self._of_wrong_class(), *_not_callable(self.callbacks, self.observer)]:
            raise ConfigurationError("; ".join(faults))

    def _of_wrong_class(self) -> Iterator[str]:
        for name, classes in _CLASSES.items():
            if not isinstance(given := getattr(self, name), classes):
                yield f"{name} must be of the class {classes[0].__name__}, not {type(given).__name__}"


def _not_callable(callbacks: object, observer: object) -> Iterator[str]:
    # Somebody else's receiver need not inherit from the protocol.
    if callbacks is not None and not hasattr(callbacks, "url_for"):
        yield f"callbacks must be a CallbackReceiver, not {type(callbacks).__name__}"
    if observer is not None and not callable(observer):
        yield f"observer must be a function, not {type(observer).__name__}"
    if any(map(inspect.iscoroutinefunction, (observer, getattr(observer, "__call__", None)))):  # noqa: B004
        yield "observer must not be async: nothing would await it"


def check_timeout(timeout: float | None) -> None:
    """Refuse a time-out that is not a number of seconds.

    Raises:
        ConfigurationError: It is no number, negative or NaN.
    """
    given = cast("object", timeout)
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    # Not `timeout < 0`, which is false for NaN.
    if timeout is not None and not (is_number and timeout >= 0):
        raise ConfigurationError(f"timeout must be seconds, at least 0, or None for no limit, not {timeout!r}")


def check_iterable(jobs: object) -> None:
    """Refuse what is no input of jobs.

    Raises:
        ConfigurationError: It cannot be read item by item, or it is a single job.
    """
    if isinstance(jobs, str | bytes | Params | RawParams | Job):
        raise ConfigurationError(f"give an iterable of jobs, not a single {type(jobs).__name__}")
    # Python reads what has `__getitem__` item by item too.
    if not (isinstance(jobs, Iterable | AsyncIterable) or hasattr(type(jobs), "__getitem__")):
        advice = ": call it, and give what it yields" if callable(jobs) else ""
        raise ConfigurationError(f"give an iterable of jobs, not {type(jobs).__name__}{advice}")


def check_settling(how: str) -> None:
    """Refuse a word that is neither a task id nor "resubmit" nor "abandon".

    Raises:
        ParamsError: It is none of these.
        ConfigurationError: It is one of the two words in another spelling, which would pass for a task id.
    """
    given = cast("object", how)
    word = given.strip().lower() if isinstance(given, str) else ""
    if word in SETTLEMENTS and how != word:
        raise ConfigurationError(f"settle with {word!r}, spelled so, or with the id of a task, not {how!r}")
    if how not in SETTLEMENTS:
        check_task_id(how)


def keys_of(given: str | Sequence[str] | None) -> tuple[ApiKey, ...]:
    """Return the API keys given, else the one of EVOLINK_API_KEY.

    Raises:
        ConfigurationError: There is none, one has characters that a key cannot have, or one is given twice.
    """
    texts = _listed((os.environ.get("EVOLINK_API_KEY") or ()) if given is None else given)
    if not texts:
        raise ConfigurationError(
            "no API key: pass api_key=, or set EVOLINK_API_KEY (https://evolink.ai/dashboard/keys)"
        )
    keys = tuple(map(_key, texts))
    if len({key.fingerprint for key in keys}) < len(keys):
        raise ConfigurationError("the same API key was given twice")
    return keys


def _listed(given: object) -> list[object]:
    is_many = isinstance(given, Iterable) and not isinstance(given, str)
    return list(cast("Iterable[object]", given)) if is_many else [given]


def _key(text: object) -> ApiKey:
    if not isinstance(text, str):
        raise ConfigurationError(f"an API key must be a text, not {type(text).__name__}")
    return ApiKey(text)


def journal_of(given: str | Path | Journal | None) -> Journal:
    """Return the journal given, one for the file or the server given, or one in memory; it is not opened yet.

    Raises:
        ConfigurationError: It is none of these, the address of the server cannot be read or is none of PostgreSQL, or
            the extra for it is not installed.
    """
    if given is None:
        return MemoryJournal()
    if isinstance(given, str) and is_address(given):
        return _postgres_journal(given)
    # Imported here, because a pool with a journal in memory does not need SQLite.
    from ..journal.sqlite import SqliteJournal

    if isinstance(given, str | Path):
        return SqliteJournal(given)
    # Somebody else's journal need not inherit from the protocol.
    if not hasattr(given, "submitting"):
        raise ConfigurationError(f"journal must be a path, an address or a Journal, not {type(given).__name__}")
    return given


def _postgres_journal(url: str) -> Journal:
    check_address(url)
    try:
        from ..journal.postgres import PostgresJournal
    except ImportError:
        raise missing_extra() from None
    return PostgresJournal(url)


def origin_of(given: str | None) -> URL:
    """Return the address given, else the one of EVOLINK_BASE_URL, else EvoLink's own.

    Raises:
        ConfigurationError: A key may not be sent to this address.
    """
    return base_url(given or os.environ.get("EVOLINK_BASE_URL") or DEFAULT_BASE_URL)


def files_origin_of(given: str | None, api: URL) -> URL:
    """Return the file service's address given, else the one of EVOLINK_FILES_BASE_URL, else the default.

    Args:
        given: An address, or None.
        api: The address of the API.

    Raises:
        ConfigurationError: A key may not be sent to this address.
    """
    # An API on loopback is an emulator, and an emulator takes files too: by default no file leaves this machine.
    default = str(api) if is_loopback(api) else DEFAULT_FILES_URL
    return base_url(given or os.environ.get("EVOLINK_FILES_BASE_URL") or default)

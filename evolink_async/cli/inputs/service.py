"""The service that a command uses, and how: from options and environment variables to a pool.

The emulator that `run --emulator` and `demo` start is in `local_emulator`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter

from ...client import HttpOptions
from ...errors import ConfigurationError
from ...events import Observer
from ...pool import SessionPool
from ...settings import Budget, Cadence, Limits, Resubmit, RetryPolicy
from .option_types import BaseUrl, Count, Flag, LookEvery, Positive, PrivateResults, Whole

_LOCAL_POLLS_PER_SECOND = 100.0


# cyclopts makes an option of each field, and its help text of the line under "Attributes".
@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Service:
    """How the service is reached and used.

    Attributes:
        base_url: Address of the service; EVOLINK_BASE_URL when None.
        files_url: Address of its file service; EVOLINK_FILES_BASE_URL when None.
        api_key: The API key; EVOLINK_API_KEY when None.
        allow_private_results: Fetch results from plain http and private addresses too.
        proxy: URL of an HTTP proxy for everything.
        trust_env: Use the proxies that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY name.
        in_flight: Most tasks alive at the service at once.
        resubmit: When a submit may be sent again; see RetryPolicy.
        rebuy: Times a job is bought anew when its task fails for a passing reason; each is a purchase of its own.
        patience: Seconds to wait for the end of an outage before the run stops; the same command then goes on.
        look_every: Seconds between polls of a task, for services faster than EvoLink, as an emulator.
    """

    base_url: BaseUrl = None
    # No options: `run` takes the one from the environment, and a key in a command line shows in `ps`.
    files_url: Annotated[str | None, Parameter(parse=False)] = None
    api_key: Annotated[str | None, Parameter(parse=False)] = None
    allow_private_results: PrivateResults = False
    proxy: str | None = None
    trust_env: Flag = False
    in_flight: Count = 1000
    resubmit: Resubmit = "if_undelivered"
    rebuy: Whole = 0
    patience: Positive = 300.0
    look_every: LookEvery = None

    @property
    def cadence(self) -> Cadence:
        """How often tasks are polled."""
        if self.look_every is None:
            return Cadence()
        return Cadence(
            # The default rate is made for EvoLink; polls less than a second apart are made for an emulator.
            polls_per_second=_LOCAL_POLLS_PER_SECOND if self.look_every < 1 else Cadence().polls_per_second,
            first_look=self.look_every,
            min_interval=min(Cadence().min_interval, self.look_every / 5),
            max_interval=self.look_every,
        )

    def pool(
        self, *, journal: Path | str | None = None, budget: Budget | None = None, observer: Observer | None = None
    ) -> SessionPool:
        """Return a pool for the service, not yet opened.

        Args:
            journal: The journal file, or the address of one in PostgreSQL; None keeps jobs in memory.
            budget: The limit of spending; None for none.
            observer: Called with every event of the pool.

        Raises:
            ConfigurationError: There is no API key, or the address or a number is invalid.
        """
        if self.api_key is None and not os.environ.get("EVOLINK_API_KEY", "").strip():
            raise ConfigurationError(
                "no API key: set EVOLINK_API_KEY (https://evolink.ai/dashboard/keys), "
                "or try it without one and at no cost with `evolink-async run --emulator`"
            )
        return SessionPool(
            self.api_key,
            base_url=self.base_url,
            files_url=self.files_url,
            limits=Limits(in_flight=self.in_flight),
            cadence=self.cadence,
            retry=RetryPolicy(resubmit=self.resubmit, rebuy=self.rebuy, patience=self.patience),
            journal=journal,
            budget=budget,
            observer=observer,
            http=HttpOptions(
                allow_private_results=self.allow_private_results, proxy=self.proxy, trust_env=self.trust_env
            ),
        )

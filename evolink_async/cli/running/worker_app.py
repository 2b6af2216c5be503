"""The app of Procrastinate that `enqueue` and `worker` share: its connector, and our blueprint.

What its tasks do is in `engines.procrastinate`, which is imported here when a command needs it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import ConfigurationError
from ...jobs import Job, Outcome
from ...journal import check_address, is_address
from ..inputs.service import Service

if TYPE_CHECKING:
    from procrastinate import App

    from ...engines.procrastinate import EvolinkBlueprint

NAMESPACE = "evolink_async"
"""The namespace of the tasks: an app of your own that has the blueprint under it shares its tasks with the commands."""


def worker_app(
    journal: str,
    service: Service | None = None,
    *,
    download_to: Path | None = None,
    name: str | None = None,
    on_outcome: Callable[[Job, Outcome], Awaitable[None]] | None = None,
) -> tuple[App, EvolinkBlueprint]:
    """Return an app with our blueprint, and the blueprint; nothing is connected yet.

    Args:
        journal: The address of the journal.
        service: The service that its workers use; None for an app that has no worker.
        download_to: Where they save videos.
        name: The template of their names.
        on_outcome: Told of each outcome.

    Raises:
        ConfigurationError: The extra is not installed, or the address is not one of PostgreSQL.
    """
    from ...engines.procrastinate import EvolinkBlueprint

    if not is_address(journal):
        raise ConfigurationError(
            "--journal must be the address of a PostgreSQL database, as postgresql://user@host/films"
        )
    check_address(journal)
    pool_of = service or Service()
    films = EvolinkBlueprint(
        journal,
        lambda address: pool_of.pool(journal=address),
        download_to=download_to,
        name=name,
        on_outcome=on_outcome,
    )
    return _app_of(films, journal), films


# A function of its own: without the extra, the import above says what to install.
def _app_of(films: EvolinkBlueprint, journal: str) -> App:
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=journal))
    app.add_tasks_from(films, namespace=NAMESPACE)
    return app

"""Runs a script on a small Ray of its own, whose workers poll an emulator: python -m tests.engines.run_ray SCRIPT ...

Ray starts processes of its own, so the defaults of `SessionPool` are replaced in each of them.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from typing import Any

from evolink_async import Cadence, HttpOptions, SessionPool
from evolink_async.journal.postgres_owner import PostgresOwner

FAST = Cadence(polls_per_second=2000, first_look=0.05, min_interval=0.01, max_interval=0.05)
LEASE = 2.0


def hurry() -> None:
    """Replace the defaults: polls as often as suits an emulator, and a lease that ends soon after a crash."""
    for function, defaults in (
        (SessionPool.__init__, {"cadence": FAST, "http": HttpOptions(allow_private_results=True)}),
        (PostgresOwner.__init__, {"lease": LEASE}),
    ):
        assert function.__kwdefaults__ is not None
        function.__kwdefaults__.update(defaults)


if __name__ == "__main__":
    ray: Any = importlib.import_module("ray")
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=100 << 20,
        log_to_driver=False,
        runtime_env={"worker_process_setup_hook": "tests.engines.run_ray.hurry"},
    )
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")

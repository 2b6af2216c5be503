"""What is kept of the machine in a stored baseline: not its name."""

from __future__ import annotations

from typing import Any


def pytest_benchmark_update_machine_info(config: object, machine_info: dict[str, Any]) -> None:
    machine_info.pop("node", None)


def pytest_benchmark_generate_commit_info(config: object) -> dict[str, Any]:
    return {}

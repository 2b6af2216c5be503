"""What a message says when an optional package is missing: how its extra is installed.

No package index is named: which one has the package, if any, is not known here.
"""

from __future__ import annotations

from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[1]


def how_to_install(extra: str) -> str:
    """Return the command in a checkout of the sources, else the name of the extra.

    Args:
        extra: One of those that `pyproject.toml` defines.
    """
    if (_CHECKOUT / "pyproject.toml").is_file():
        return f"run in {_CHECKOUT}: pip install '.[{extra}]'"
    return f"install the extra {extra!r} of evolink-async"

"""The version of the package, and how its extras are installed.

No other module of the package is imported here, so that every one can read it.
"""

from pathlib import Path

__all__ = ("__version__", "how_to_install")

__version__ = "0.1.0"

_CHECKOUT = Path(__file__).resolve().parents[1]


def how_to_install(extra: str) -> str:
    """Return how an extra is installed: in a checkout of the sources the command, else the name of the extra.

    No package index is named: which one has the package, if any, is not known here.

    Args:
        extra: One of those that `pyproject.toml` defines.
    """
    if (_CHECKOUT / "pyproject.toml").is_file():
        return f"run in {_CHECKOUT}: pip install '.[{extra}]'"
    return f"install the extra {extra!r} of evolink-async"

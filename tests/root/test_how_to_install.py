"""What is said when an optional package is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolink_async import version


@pytest.mark.parametrize("extra", ["cli", "media", "otel"])
def test_a_checkout_is_named(extra, tmp_path, monkeypatch):
    """There the command is certain to find the package."""
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(version, "_CHECKOUT", tmp_path)
    assert version.how_to_install(extra) == f"run in {tmp_path}: pip install '.[{extra}]'"


@pytest.mark.parametrize("extra", ["cli", "media", "otel"])
def test_elsewhere_the_extra_is_named(extra, tmp_path, monkeypatch):
    """No index is proposed: a package of the same name there may be somebody else's."""
    monkeypatch.setattr(version, "_CHECKOUT", tmp_path)
    assert version.how_to_install(extra) == f"install the extra {extra!r} of evolink-async"


def test_no_message_names_an_index():
    """Nowhere in the package is there another advice about installing."""
    root = Path(version.__file__).parent
    found = [path.name for path in root.rglob("*.py") if "pip install" in path.read_text(encoding="utf-8")]
    assert found == ["version.py"]

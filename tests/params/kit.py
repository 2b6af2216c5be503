"""What tests of parameters share."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from evolink_async.errors import ParamsError
from evolink_async.params import load_params


def faults_of(mapping: Mapping[str, object], *, check: bool = True) -> list[str]:
    """The faults of a request body."""
    with pytest.raises(ParamsError) as caught:
        load_params(mapping, check=check)
    return [str(fault) for fault in caught.value.faults]

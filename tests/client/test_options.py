"""HTTP options: values that no request can carry are refused when they are given."""

from __future__ import annotations

import pytest

from evolink_async.client import HttpOptions
from evolink_async.errors import ConfigurationError


@pytest.mark.parametrize("options", [{"user_agent": "a\nb"}, {"proxy": "no url"}, {"proxy": "http://127.0.0.1:99999"}])
def test_options_that_no_request_can_carry_are_refused(options):
    """A ConfigurationError, before any request is sent."""
    with pytest.raises(ConfigurationError):
        HttpOptions(**options)

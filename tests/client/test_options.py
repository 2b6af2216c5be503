"""HTTP options: values that no request can carry are refused when they are given."""

from __future__ import annotations

import pytest

from evolink_async.client import HttpOptions
from evolink_async.errors import ConfigurationError

PROXIES = ["no url", "http://127.0.0.1:99999", "http://me:secret@", "http://me:1/secret@proxy.example:3128"]


@pytest.mark.parametrize("options", [{"user_agent": "a\nb"}, *({"proxy": proxy} for proxy in PROXIES)])
def test_options_that_no_request_can_carry_are_refused(options):
    """A ConfigurationError, before any request is sent; without the password of a proxy."""
    with pytest.raises(ConfigurationError) as caught:
        HttpOptions(**options)
    assert "secret" not in str(caught.value)

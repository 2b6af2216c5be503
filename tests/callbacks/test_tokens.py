"""Tokens: the same for the same job, and nobody makes one without the secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_async import ConfigurationError
from evolink_async.callbacks import CallbackReceiver
from evolink_async.callbacks.tokens import is_token_of, purchase_of, token_for
from tests.callbacks.kit import SECRET, URL, new_receiver

S1, S2 = b"one secret of the receiver", b"another secret of the receiver"
KEYS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=255)
PURCHASES = st.from_regex(r"[A-Za-z0-9._-]{16,96}", fullmatch=True)


@given(KEYS, PURCHASES)
def test_a_token_is_read_with_the_secret_it_was_made_with(key, purchase):
    """The same each time; it does not hold the key of the job."""
    token = token_for(S1, key, purchase)
    assert token == token_for(S1, key, purchase)
    assert purchase_of([S1], token) == purchase
    assert purchase_of([S2, S1], token) == purchase
    assert purchase_of([S2], token) is None
    assert is_token_of([S2, S1], token, key, purchase)


@given(KEYS, KEYS, PURCHASES)
def test_a_token_is_for_one_job(key, other, purchase):
    """Whoever looks the purchase up elsewhere, and finds another job, does not believe it."""
    token = token_for(S1, key, purchase)
    assert is_token_of([S1], token, other, purchase) == (key == other)


@given(st.data())
def test_a_changed_token_is_forged(data):
    """Any character, anywhere."""
    token = token_for(S1, "shot-17", "ev-0123456789abcdef0123456789abcdef")
    place = data.draw(st.integers(0, len(token)))
    rest = data.draw(st.integers(0, len(token)))
    forged = token[:place] + data.draw(st.text(max_size=4)) + token[rest:]
    assert (purchase_of([S1], forged) is None) == (forged != token)


@given(st.text())
def test_no_text_is_a_token(text):
    """And none raises."""
    assert purchase_of([S1], text) is None


def test_a_url_holds_the_token_and_not_the_key():
    """It fits into what the service takes."""
    url = new_receiver().url_for("order-17", "ev-" + "0" * 32)
    assert url.startswith(f"{URL}/ev-0000")
    assert "order" not in url
    long_url = "https://example.com/" + "p" * 1820
    assert len(CallbackReceiver(long_url, SECRET).url_for("k" * 255, "p" * 96)) <= 2048
    assert url == CallbackReceiver(f"{URL}/", SECRET.encode()).url_for("order-17", "ev-" + "0" * 32)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com",
        "https://127.0.0.1/hook",
        "https://localhost",
        "hooks.example.com",
        "https://example.com/?a=b",
        "https://example.com/#a",
        "https://example.com/" + "p" * 2000,
        "https://example.com/\udcff",
        None,
        b"https://example.com/",
    ],
)
def test_a_url_that_the_service_would_not_call(url):
    """It is refused where it is given, not at each job."""
    with pytest.raises(ConfigurationError, match="public URL"):
        CallbackReceiver(url, SECRET)


@pytest.mark.parametrize(
    "secret", ["", "short", b"short", [], [SECRET, "short"], None, 16, [SECRET, None], [16], "\udcff" * 16]
)
def test_a_secret_that_can_be_guessed(secret):
    """It is refused, and no message holds it."""
    with pytest.raises(ConfigurationError, match="16 bytes") as caught:
        CallbackReceiver(URL, secret)
    assert "short" not in str(caught.value)


def test_no_secret_is_shown():
    """Not by `repr`."""
    assert SECRET not in repr(new_receiver())

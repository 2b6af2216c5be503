"""The API key is shown only in the header of a request."""

from __future__ import annotations

import copy
import pickle

import pytest

from evolink_async.client import ApiKey
from evolink_async.errors import ConfigurationError
from evolink_async.wire import decode_error
from tests.vendor_samples import answer

CANARY = "sk-canary-0123456789abcdef"


@pytest.mark.parametrize(
    "show", [repr, str, format, ascii, "{!r:>60}".format, "%s".__mod__, lambda key: f"{[key]} {key}"]
)
def test_no_text_shows_the_key(show):
    """A fingerprint tells keys apart."""
    text = show(ApiKey(CANARY))
    assert CANARY not in text
    assert ApiKey(CANARY).fingerprint in text


@pytest.mark.parametrize("take_out", [pickle.dumps, copy.copy, copy.deepcopy])
def test_the_key_is_not_pickled_or_copied(take_out):
    """With a clear TypeError."""
    with pytest.raises(TypeError, match="API key is not pickled"):
        take_out(ApiKey(CANARY))


def test_the_key_has_no_dict_to_look_into():
    """So that `vars`, and what prints objects by it, find nothing."""
    assert not hasattr(ApiKey(CANARY), "__dict__")


def test_the_header_is_the_one_place_that_shows_it():
    """White space around it, as left by a file or a paste, is dropped."""
    assert ApiKey(f"  {CANARY}\n").authorization() == f"Bearer {CANARY}"
    assert ApiKey(f"  {CANARY}\n").fingerprint == ApiKey(CANARY).fingerprint != ApiKey(CANARY + "x").fingerprint


@pytest.mark.parametrize("text", ["", " ", "\n", "a b", "a\nb", "a\r\nX-Evil: 1", "ключ", "a\x00b", "a\tb", "a\x7fb"])
def test_what_no_header_may_carry_is_refused_unseen(text):
    """The message names the variable, not the key."""
    with pytest.raises(ConfigurationError, match="EVOLINK_API_KEY") as caught:
        ApiKey(text)
    assert not text.strip() or text not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", b""),
        (b"nothing here", b"nothing here"),
        (CANARY.encode(), b"***"),
        (b"Bearer " + CANARY.encode() + b", twice " + CANARY.encode(), b"Bearer ***, twice ***"),
        (b"\xff" + CANARY.encode() + b"\xff", b"\xff***\xff"),
    ],
)
def test_an_echoed_key_is_blanked_out(text, expected):
    """Anywhere in bytes from outside, whatever else they are."""
    assert ApiKey(CANARY).scrub(text) == expected


def test_a_stand_in_is_left():
    """A short placeholder would match by chance."""
    assert ApiKey("sk-emulator").scrub(b"sk-emulator") == b"sk-emulator"


@pytest.mark.parametrize("kept", [4, 10, len(CANARY) - 1, len(CANARY)])
def test_a_key_that_is_cut_is_scrubbed_at_the_end(kept):
    """An answer may break off in the middle of an echo."""
    assert ApiKey(CANARY).scrub_cut(b"{" + CANARY[:kept].encode()) == b"{***"
    assert ApiKey(CANARY).scrub_cut(CANARY[:kept].encode() + b"{") == (
        b"***{" if kept == len(CANARY) else CANARY[:kept].encode() + b"{"
    )


def test_a_key_with_escaped_slashes_is_scrubbed():
    """Some JSON writers escape the slash."""
    body = ApiKey("sk-abc/def+0123456789").scrub(b'{"error":{"code":"x","message":"sk-abc\\/def+0123456789"}}')
    assert "abc" not in decode_error(answer(body, 401), now=0).message

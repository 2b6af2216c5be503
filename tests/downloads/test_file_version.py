"""What is kept of a host's version between two runs, and what of it may be sent."""

from __future__ import annotations

import pytest

from evolink_async.downloads.file_version import FileVersion

DATE = "Fri, 27 Nov 2026 01:00:00 GMT"


@pytest.mark.parametrize(
    "version",
    [FileVersion('"1"', DATE, 9), FileVersion('"1"'), FileVersion('W/"1"', DATE), FileVersion("", DATE, 9)],
    ids=str,
)
def test_a_version_is_read_as_it_was_written(version):
    """In one line of ASCII."""
    assert version.text is not None
    assert version.text.isascii()
    assert version.text.isprintable()
    assert FileVersion.of_text(version.text) == version


@pytest.mark.parametrize("version", [FileVersion(), FileVersion('W/"1"', "", 9), FileVersion(size_bytes=9)], ids=str)
def test_a_version_that_no_part_can_be_asked_for_is_not_written(version):
    """A weak tag alone, or a size."""
    assert version.text is None


@pytest.mark.parametrize(
    ("text", "version"),
    [('"1"', FileVersion('"1"')), (DATE, FileVersion(last_modified=DATE)), ('"', FileVersion('"'))],
)
def test_a_mark_of_one_value_is_readable(text, version):
    """As it was written before the size was kept."""
    assert FileVersion.of_text(text) == version


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "{}",
            "[]",
            "[1]",
            "7",
            "null",
            "[null, null, null]",
            '["", "", true]',
            '["\\r\\nCookie: b", "\\u732b", 1]',
        ),
        '["1", "2", "3", "4"]',
        "[" * 400,
    ],
)
def test_a_planted_mark_adds_nothing_to_a_request(text):
    """Whatever it is, what is sent is one line of ASCII."""
    condition = FileVersion.of_text(text).condition or ""
    assert condition.isascii()
    assert condition.isprintable() or not condition


@pytest.mark.parametrize("value", ['"\udce4"', '"\u732b"', '"a\r\nb"'])
def test_a_header_that_cannot_be_sent_back_is_not_kept(value):
    """It would end the download with an error of the encoding."""
    assert FileVersion.of_headers({"ETag": value, "Last-Modified": value}, 9) == FileVersion(size_bytes=9)

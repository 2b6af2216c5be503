"""Whether a host sent a page or a message in place of a result, as login portals and firewalls do.

Bytes in, a decision out. What formats begin with is in `media`.
"""

from __future__ import annotations

import codecs
import re

from ..media import TEXT, format_of, is_media_format

FIRST_BYTES = 1445
"""So many bytes tell a text from other files. Source: mimesniff.spec.whatwg.org, section 5.2."""

_MARKS_OF_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# The tag of HTML or XML at the beginning, behind white space and marks of UTF-8 and UTF-16. Zeros are left out before:
# a letter of ASCII is a zero and a byte of text in UTF-16.
_TAG = re.compile(rb"[ \t\r\n\f\xef\xbb\xbf\xff\xfe]*<[A-Za-z!?/]")


def is_page(first: bytes, content_type: str) -> bool:
    """Whether a file is a page or a message, and no result. No model returns text.

    1. What begins as an image, a video or a sound is a result, whatever its host calls it.
    2. Text is a page, whatever its host calls it.
    3. Of other bytes, what is called HTML, JSON or XML is a page, and what begins with a tag.

    Args:
        first: Its `FIRST_BYTES`.
        content_type: What its host calls it.
    """
    found = format_of(first)
    if is_media_format(found):
        return False
    is_called_page = content_type == "text/html" or content_type.endswith(("json", "xml"))
    begins_with_tag = _TAG.match(first.replace(b"\0", b"")) is not None
    return is_called_page or begins_with_tag or (found == TEXT and not _has_wrong_mark(first))


def _has_wrong_mark(first: bytes) -> bool:
    """Whether bytes begin with a byte order mark of UTF-16 and are no UTF-16."""
    if not first.startswith(_MARKS_OF_UTF_16):
        return False
    try:
        # Half of a character at the end is left out.
        codecs.utf_16_decode(first)
    except UnicodeDecodeError:
        return True
    return False

"""The format of a file, by its first bytes. Its name is not used.

What a format says about length and size is read in the modules beside this one.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

UNKNOWN = "an unknown format"
"""The name of a format that is not one of the known ones."""

TEXT = "txt"
"""The name of every text, in any encoding."""

HEAD_BYTES = 4096
"""Bytes at the start of a file that tell its format."""

# If one signature begins with another, the longer one comes first.
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff\xf7", "jls"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"8BPS", "psd"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
    (b"\xff\x0a", "jxl"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    (b"\x1aE\xdf\xa3", "webm or mkv"),
    (b"0&\xb2u\x8ef\xcf\x11", "wmv"),
    (b"FLV\x01", "flv"),
    (b"\0\0\x01\xba", "mpeg"),
    (b"\0\0\x01\xb3", "mpeg"),
    (b"ID3", "mp3"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"#!AMR", "amr"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"Rar!\x1a\x07", "rar"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b", "gzip"),
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Linux program"),
)
_RIFF = (b"RIFF", b"RIFX", b"RF64", b"BW64")
_IN_RIFF = {b"WEBP": "webp", b"WAVE": "wav", b"AVI ": "avi"}
_NO_MEDIA = frozenset({UNKNOWN, TEXT, "pdf", "zip", "ole", "rar", "7z", "gzip", "a Windows program", "a Linux program"})
# Brands of ISO base media files (ISO/IEC 14496-12, section 4.3); a file with another brand is an mp4.
_BRANDS = {
    b"qt  ": "mov",
    b"heic": "heic",
    b"heix": "heic",
    b"hevc": "heic",
    b"hevx": "heic",
    b"avif": "avif",
    b"avis": "avif",
    b"M4A ": "m4a",
    b"M4B ": "m4a",
    b"crx ": "cr3",
}
# Images in any coding; the compatible brands name it.
_STILL_BRANDS = (b"mif1", b"msf1")
# All of 3GPP and 3GPP2: 3gp4, 3gr6, 3g2a and more (3GPP TS 26.244, section 5.3).
_PHONE_BRANDS = b"3g"
# First boxes of files from before the box `ftyp` existed.
_OLD_QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"uuid")
# The size of a box is in front of its name. Four letters make a larger one, which no model takes.
_MOST_IN_BOX = 0x20202020
# Lengths of the header that follows the file header, one for each version of the format.
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
# The end of a text of DOS and CP/M.
_END_OF_TEXT = b"\x1a"
# What readers skip in front of a PDF: white space, zeros, and a byte order mark of UTF-8.
_BEFORE_PDF = b"\0\t\n\f\r \xef\xbb\xbf"
# Control characters, and codes that no character has.
_NO_CHARACTERS = ("Cc", "Cn", "Co")
_WIDEST_SYNC = 4
_APE = b"APETAGEX"
_APE_HEADER = 32
_ID3_HEADER = 10
_ID3_FOOTER = 0x10


def format_of(head: bytes) -> str:
    """Return the format of a file by its first `HEAD_BYTES`, or by all of a shorter file.

    Office documents are `zip` or `ole`, because the type of the document is further inside. Every text is `txt`, in
    any encoding, Markdown included.
    """
    # A PDF may begin as a text does.
    if head.lstrip(_BEFORE_PDF).startswith(b"%PDF-"):
        return "pdf"
    # Many signatures are of letters, with which a text may begin too.
    if _is_text(head):
        return TEXT
    for start, name in _STARTS:
        if head.startswith(start):
            return name
    if head[:4] in _RIFF:
        return _IN_RIFF.get(head[8:12], UNKNOWN)
    if head[4:8] == b"ftyp":
        return _branded(head)
    if head[4:8] in _OLD_QUICKTIME and int.from_bytes(head[:4]) < _MOST_IN_BOX:
        return "mov"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    # Some encoders begin with silence of zeros.
    if _begins_mpeg_audio(head.lstrip(b"\0")):
        return "mp3"
    # ADTS frames of AAC, with and without a checksum; layer 0 tells them from MPEG audio.
    if head[:1] == b"\xff" and head[1:2] in (b"\xf0", b"\xf1", b"\xf8", b"\xf9"):
        return "aac"
    # An MPEG transport stream: packets of 188 bytes, each with this first byte.
    if head[:1] == b"\x47" and head[188:189] == b"\x47":
        return "mpeg"
    return TEXT if _is_utf_16(head) else UNKNOWN


def is_media_format(name: str) -> bool:
    """Whether a format, as `format_of` names it, is one of images, videos or sounds."""
    return name not in _NO_MEDIA


def tag_bytes(head: bytes) -> int:
    """Return the length of the ID3 or APE tag at the start of a file; 0 if there is none.

    Sources: id3.org/id3v2.4.0-structure, wiki.hydrogenaud.io/index.php?title=APE_Tags_Header.
    """
    if head.startswith(_APE) and len(head) >= _APE_HEADER and not _is_text(head):
        # The header does not count itself.
        return int.from_bytes(head[12:16], "little") + _APE_HEADER
    if not head.startswith(b"ID3") or len(head) < _ID3_HEADER or _is_text(head):
        return 0
    # Seven bits of each byte count. A tag with a footer, which is as long as the header, has a flag for it.
    size = sum(byte << shift for byte, shift in zip(head[6:_ID3_HEADER], (21, 14, 7, 0), strict=True))
    return size + _ID3_HEADER * (2 if head[5] & _ID3_FOOTER else 1)


def _is_text(head: bytes) -> bool:
    if head.startswith(_BYTE_ORDER_MARKS):
        return True
    # Frames of sound begin with this byte, and no text does.
    return not head.startswith(b"\xff") and not _CONTROLS.search(head.rstrip(_END_OF_TEXT))


def _is_utf_16(head: bytes) -> bool:
    """Whether the bytes are a text in UTF-16 without a byte order mark, with at least one character of ASCII."""
    for decode in (codecs.utf_16_le_decode, codecs.utf_16_be_decode):
        try:
            # Half of a character at the end of the first bytes is left out.
            text, _ = decode(head)
        except UnicodeDecodeError:
            continue
        written = all(one.isspace() or unicodedata.category(one) not in _NO_CHARACTERS for one in text)
        if written and any(one.isascii() for one in text):
            return True
    return False


def _branded(head: bytes) -> str:
    major, size = head[8:12], int.from_bytes(head[:4])
    compatible = {head[at : at + 4] for at in range(16, min(size, len(head)), 4)}
    if major in _STILL_BRANDS:
        return "avif" if b"avif" in compatible else "heic"
    return "3gp" if major.startswith(_PHONE_BRANDS) else _BRANDS.get(major, "mp4")


def _begins_mpeg_audio(head: bytes) -> bool:
    """Whether the bytes are a valid frame header of MPEG audio, layer III."""
    if len(head) < _WIDEST_SYNC or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer, bitrate, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer == 1 and bitrate not in (0, 15) and rate != 3

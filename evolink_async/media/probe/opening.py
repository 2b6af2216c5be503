"""Opening a file to measure it, with errors that continue a sentence about the file.

What is in it is read in the files beside this one.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from ...regular_file import IrregularFileError, open_regular
from .errors import UnreadableError


@contextmanager
def opened(path: Path) -> Generator[BufferedReader]:
    """Open a regular file for reading; close it at the end.

    Raises:
        UnreadableError: The file does not exist, cannot be read, or is not a regular file.
    """
    with readable_errors(), open_regular(path) as file:
        yield file


@contextmanager
def readable_errors() -> Generator[None]:
    """Convert an `OSError` about a file to an `UnreadableError`.

    Raises:
        UnreadableError: The block raised an OSError.
    """
    try:
        yield
    except FileNotFoundError:
        raise UnreadableError("does not exist") from None
    except PermissionError:
        raise UnreadableError("cannot be read by this user") from None
    except IrregularFileError as error:
        raise UnreadableError(str(error.strerror)) from None
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or type(error).__name__}") from None

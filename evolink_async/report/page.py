"""Makes the page of a report: one HTML text with its style, scripts and data inside.

Its parts are the files in the folder `assets`. Nothing of a job is written as HTML: it is data, which the scripts show
as text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from ..errors import ConfigurationError
from ..version import __version__, how_to_install
from .reading import Report

MARK = '<meta name="generator" content="evolink_async'
"""What the beginning of every page holds."""

_STYLES = ("uplot/uPlot.min.css", "colours.css", "frame.css", "films.css", "player.css", "views.css", "print.css")
_SCRIPTS = ("dom", "words", "store", "card", "gallery", "player", "views", "charts", "doubts", "live", "main")
_NOT_IN_HTML = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def render(report: Report) -> bytes:
    """Return the page, in UTF-8.

    Args:
        report: What it shows.

    Raises:
        ConfigurationError: The extra `report` is not installed.
    """
    try:
        import jinja2
        from markupsafe import Markup
    except ImportError:
        raise ConfigurationError(f"a report needs jinja2; {how_to_install('report')}") from None
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    style, script = style_text(), script_text()
    text = environment.from_string(_text("page.html")).render(
        version=__version__,
        title=report.name,
        most_ends=report.most_ends,
        policy=policy([style], [script], is_live=report.is_live),
        style=Markup(style),  # noqa: S704  # a file of this package
        script=Markup(script),  # noqa: S704  # files of this package
        data=Markup(data_text(report)),  # noqa: S704  # without any sign of HTML
    )
    # Half of a surrogate pair, as a name of a file may hold, becomes the escape that JSON has for it.
    return text.encode("utf-8", "backslashreplace")


def data_text(report: Report) -> str:
    """Return the data of a page as JSON that ends no element of HTML, wherever it stands in one."""
    return json_in_html(report.as_json())


def json_in_html(value: object) -> str:
    """Return JSON without the signs that mean something in HTML; each can only be in a string, and is escaped there."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_NOT_IN_HTML)


def policy(styles: Iterable[str], scripts: Iterable[str], *, is_live: bool) -> str:
    """Return the Content-Security-Policy of a page: its own style and script, films, and no other host.

    Args:
        styles: The texts of its styles.
        scripts: The texts of its scripts.
        is_live: Whether it is served, and may ask its server for changes.
    """
    own = "'self'" if is_live else "'none'"
    films = "'self'" if is_live else "'self' file:"
    return (
        f"default-src 'none'; style-src {_hashes(styles)}; script-src {_hashes(scripts)}; img-src data:; "
        f"media-src {films}; connect-src {own}; base-uri 'none'; form-action 'none'"
    )


def _hashes(texts: Iterable[str]) -> str:
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


@cache
def style_text() -> str:
    """Return the style of the page."""
    return "\n".join(map(_text, _STYLES))


@cache
def script_text() -> str:
    """Return the script of the page. In one function, so that its files share names and the page gets none."""
    own = "\n".join(_text(f"js/{name}.js") for name in _SCRIPTS)
    return f'{_text("uplot/uPlot.iife.min.js")}\n(() => {{\n"use strict";\n{own}\n}})();'


def _text(name: str) -> str:
    return (files("evolink_async.report") / "assets" / name).read_text(encoding="utf-8")

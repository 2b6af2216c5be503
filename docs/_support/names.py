"""How names in docstrings find what they mean, and how classes made by attrs show their arguments.

Docstrings name things as code does: `ConfigurationError`, whatever module it is in. Signatures name the module where a
class is written, the pages the one it is imported from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from docutils.nodes import Element, TextElement, reference
from sphinx.ext.intersphinx import resolve_reference_any_inventory
from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment


# Names as signatures write them under `if TYPE_CHECKING:`, and where their projects describe them.
_SHORT = {
    "Path": "pathlib.Path",
    "MeterProvider": "opentelemetry.metrics.MeterProvider",
    "TracerProvider": "opentelemetry.trace.TracerProvider",
}
_LINKED_KINDS = ("class", "exception", "function", "data", "type")


def find_in_other_projects(
    _app: Sphinx,
    env: BuildEnvironment,
    node: pending_xref,
    contnode: TextElement,
) -> reference | None:
    """Link a short name of another project."""
    full = _SHORT.get(str(node.get("reftarget", "")))
    if full is None or node.get("refdomain") != "py":
        return None
    long = node.copy()
    long["reftarget"] = full
    return resolve_reference_any_inventory(env=env, honor_disabled_refs=False, node=long, contnode=contnode)


def find_by_last_name(
    app: Sphinx,
    env: BuildEnvironment,
    node: pending_xref,
    contnode: Element,
) -> reference | None:
    """Link a name that was not found as it stands to the one object whose last name it is, if there is just one."""
    target = str(node.get("reftarget", ""))
    if node.get("refdomain") != "py" or ("." in target and not target.startswith("evolink_async.")):
        return None
    last = target.rpartition(".")[2]
    objects = env.domains.python_domain.objects
    found = [
        name
        for name, entry in objects.items()
        # An alias is the same object under the name of the module where it is written.
        if name.rpartition(".")[2] == last and not entry.aliased and entry.objtype in _LINKED_KINDS
    ]
    if len(found) != 1:
        return None
    entry = objects[found[0]]
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, found[0])


def keep_first_line(_app: Sphinx, kind: str, _name: str, _what: object, _options: object, lines: list[str]) -> None:
    """Keep napoleon from reading the first line of a property, up to its colon, as a type: name an empty one."""
    if kind in ("attribute", "property") and lines and ":" in lines[0]:
        lines[0] = f": {lines[0]}"


def attrs_signature(
    _app: Sphinx, kind: str, _name: str, what: object, _options: object, _signature: str, _returns: str
) -> tuple[str, str] | None:
    """Show the arguments of a class made by attrs with their defaults; a factory's are told by the text."""
    if kind not in ("class", "exception") or not isinstance(what, type) or not attrs.has(what):
        return None
    if "__init__" not in vars(what) or what.__init__.__module__ == "evolink_async.params.rules":
        return None  # written by hand
    fields = [field for field in attrs.fields(what) if field.init and field.alias]
    parts = [_argument(field) for field in sorted(fields, key=lambda field: bool(field.kw_only))]
    keywords = [field for field in fields if field.kw_only]
    if keywords:
        parts.insert(len(fields) - len(keywords), "*")
    return f"({', '.join(parts)})", ""


def _argument(field: Any) -> str:  # noqa: ANN401  # attrs.Attribute of anything
    if field.default is attrs.NOTHING:
        return str(field.alias)
    made = isinstance(field.default, attrs.Factory)  # type: ignore[arg-type]  # attrs types it as a function
    return f"{field.alias}={'...' if made else repr(field.default)}"

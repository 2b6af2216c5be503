"""How the pages are built. `sphinx-build -b doctest` runs the samples, in what `_support/stage.py` sets up."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_support"))

import extras
import inventories
from generated import fill_in
from names import attrs_signature, find_by_last_name, find_in_other_projects, keep_first_line
from sphinx.application import Sphinx
from sphinx.domains.python import PyClasslike

from evolink_async.version import __version__

project = "evolink_async"
author = "The evolink_async authors"
copyright = "The evolink_async authors. MIT licence"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "_support"]
intersphinx_mapping = inventories.mapping()

# The copy button takes commands and code; prompts, output and hidden samples stay behind.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Single backticks in the package's docstrings mark code. Where they name an object, they become a link to it.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [
    (r"py:obj", r".*"),  # most single backticks are code, not names: see default_role
    # Aliases, as signatures write them. The text beside them says what they stand for.
    (r"py:class", r"JobSource|Json|Path|Journal|Account|AnyParams|AnyConnection|Outcome"),
    # What wakes a stream of all outcomes.
    (r"py:class", r"evolink_async\.concurrency\.signal\.Signal"),
    # Any parameters; and what reads result links, which users do not make.
    (r"py:class", r"evolink_async\.(params\.base\.P|downloads\.result_reader\.ResultReader)"),
    # What the price catalogue is made of.
    (r"py:class", r"evolink_async\.wire\.price_rules\.\w+"),
    # What a journal keeps of its credits; what faults and tasks of the emulator are made of.
    (r"py:class", r"evolink_async\.budget\.(ledger\.Ledger|shared\.SharedAccount)"),
    (r"py:class", r"evolink_async\.emulator\.(faults|service)\.\w+\.\w+"),
]

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # else every field of an attrs class would be described twice

# Nothing is at hand that a page does not import: a reader copies its samples from the first one on.
doctest_global_setup = f"""
__name__ = "__main__"
import sys
sys.path.insert(0, {str(Path(__file__).parent / "_support")!r})
import stage
stage.set_up()
"""
doctest_global_cleanup = "stage.clear()"
doctest_test_doctest_blocks = "default"
trim_doctest_flags = True

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = f"evolink_async {release}"
html_theme_options = {
    "source_repository": extras.project()["urls"]["Source"],
    "source_branch": "main",
    "source_directory": "docs/",
}
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sphinx = False


def setup(app: Sphinx) -> None:
    # One list for all kinds of Python objects.
    for field in PyClasslike.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("source-read", fill_in)
    app.connect("missing-reference", find_in_other_projects)
    app.connect("missing-reference", find_by_last_name)
    app.connect("autodoc-process-docstring", keep_first_line, priority=400)  # napoleon's is 500
    app.connect("autodoc-process-signature", attrs_signature)

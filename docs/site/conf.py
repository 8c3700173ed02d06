"""Sphinx's configuration. ``build.py`` gathers the pages and calls Sphinx."""

from __future__ import annotations

from typing import Any

from docs.site.docstrings import with_literal_blocks

project = "simpleflow"
author = "simpleflow contributors"
copyright = "simpleflow contributors"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

myst_heading_anchors = 4  # the anchors that GitHub makes
myst_enable_extensions = ["html_image"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Attributes that a class may set", "params_style")]
suppress_warnings = ["ref.python"]  # a name that several classes have as an attribute leads to one of them
python_maximum_signature_line_length = 100
python_use_unqualified_type_names = True

highlight_language = "text"

html_theme = "furo"
html_title = "simpleflow"
html_favicon = "static/icon.svg"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "tango"
pygments_dark_style = "github-dark"


def setup(app: Any) -> None:
    """Connect what reads docstrings, before napoleon does."""
    app.connect("autodoc-process-docstring", _docstring, priority=400)


def _docstring(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    lines[:] = with_literal_blocks(lines)

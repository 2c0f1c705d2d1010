"""How the documentation is built: Sphinx with MyST and furo, without the network. `make docs` runs it."""

import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "reference"))

from mavfer import __version__  # noqa: E402

project = "mavfer"
version = release = __version__
language = "en"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "command_page", "site_check"]
exclude_patterns = ["_build"]
default_role = "literal"  # docstrings are written for a terminal: `words` are words
smartquotes = False  # an option has two hyphens
toc_object_entries = False

html_theme = "furo"
html_title = f"mavfer {__version__}"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_theme_options = {"source_view_link": "", "source_edit_link": ""}
pygments_style = "friendly"
highlight_language = "text"

myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False

LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\((\.\./[^)\s]*)\)")


def _outside_as_words(_app: object, name: str, source: list[str]) -> None:
    """Turn links to files of the repository that are no page of the site into their words.

    Whoever reads a page in the repository follows them; on the site there is nothing to follow. That their
    targets exist is checked here, so that a link which rots fails the build.
    """
    page = DOCS / name

    def words(found: re.Match[str]) -> str:
        target = (page.parent / found[2].partition("#")[0]).resolve()
        if not target.exists():
            raise FileNotFoundError(f"{name}: no such file: {found[2]}")
        return found[1]

    source[0] = LINK.sub(words, source[0])


def _plain_underscores(
    _app: object, _what: str, _name: str, _found: object, _options: object, lines: list[str]
) -> None:
    """Keep a word of a docstring that ends with `_` from being read as a link."""
    lines[:] = [re.sub(r"(?<![\w`])(\w+)_(?![\w`])", r"\1\\_", line) for line in lines]


def _fields_as_list(
    _app: object, _what: str, _name: str, _found: object, _options: object, lines: list[str]
) -> None:
    """Turn `name : words` of attributes and parameters into lists: the words are prose, no type."""
    kept: list[str] = []
    in_fields = False
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if re.fullmatch("-{3,}", below) and line.strip():
            in_fields = line in ("Attributes", "Parameters")
            kept += [f":{line}:", ""] if in_fields else [line]
        elif in_fields and re.fullmatch("-{3,}", line):
            continue
        elif in_fields and line and not line.startswith(" "):
            name, _, words = line.partition(" : ")
            kept.append(f"   * **{name.replace('*', '')}**{': ' if words else ''}{words}")
        elif in_fields:
            kept.append(f"     {line.strip()}" if line.strip() else "")
        else:
            kept.append(line)
    lines[:] = kept


def _readable_defaults(
    _app: object,
    _what: str,
    _name: str,
    _found: object,
    _options: object,
    signature: str | None,
    returns: str,
) -> tuple[str, str] | None:
    """Write `<factory>` and `<Name.MEMBER: value>` as Python does, so that types become links."""
    if signature is None:
        return None
    return re.sub(r"<([\w.]+): [^<>]*>", r"\1", signature.replace("<factory>", "...")), returns


def _without_pydantic(
    _app: object, _what: str, _name: str, _found: object, skip: bool, _options: object
) -> bool | None:
    """Leave out what pydantic puts into every model."""
    return True if getattr(_found, "__module__", "").startswith("pydantic") else skip or None


def setup(app) -> None:
    """Connect what is done to pages before Sphinx reads them."""
    app.connect("source-read", _outside_as_words)
    app.connect("autodoc-process-docstring", _fields_as_list, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", _plain_underscores)
    app.connect("autodoc-process-signature", _readable_defaults)
    app.connect("autodoc-skip-member", _without_pydantic)

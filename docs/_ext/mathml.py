"""Formulas as MathML, which browsers show without a script and without a network."""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

MISSING = {r"\arg": r"\operatorname{arg}"}  # not known to latex2mathml

THIN_SPACE = '<mspace width="0.17em"/>'  # between a function and its argument


def to_mathml(tex: str, display: str) -> str:
    """Convert a formula; refuse what would show up as a raw command."""
    for command, known in MISSING.items():
        tex = tex.replace(command + "\\", known + "\\")
    mathml = convert(tex, display=display)
    unknown = re.search(r">(\\[^<]*)<", mathml)
    if unknown:
        raise ExtensionError(f"{unknown[1]} is not known to latex2mathml, in: {tex}")
    return re.sub(r"<mi>(log|exp)</mi>(?=<m[^o])", rf"\g<0>{THIN_SPACE}", mathml)


def visit_inline(self, node):
    """Write a formula in a line of text."""
    self.body.append(to_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_block(self, node):
    """Write a formula of its own."""
    self.body.append(self.starttag(node, "div", CLASS="math"))
    self.body.append(to_mathml(node.astext(), "block") + "</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    """Register the renderer under the name "mathml"."""
    app.add_html_math_renderer(
        "mathml",
        inline_renderers=(visit_inline, None),
        block_renderers=(visit_block, None),
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}

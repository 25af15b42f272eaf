"""Links that the pages and the docstrings make without knowing of the site."""

import os.path

from docutils import nodes
from sphinx.addnodes import download_reference, pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.nodes import make_refnode


class FilesOutside(SphinxTransform):
    """Offer a Markdown file of the project outside ``docs`` as a file.

    MyST does so by itself for all other files.
    """

    default_priority = 5

    def apply(self, **kwargs):
        """Put a download in the place of a link to a page that there is not."""
        for node in list(self.document.findall(pending_xref)):
            page = node.get("reftarget", "")
            if node.get("refdomain") == "doc" and page.startswith("/"):
                path = os.path.relpath(f"{page}.md", self.env.srcdir)
                link = download_reference("", "", *node.children)
                link["reftarget"], link["refdoc"] = f"/{path}", self.env.docname
                node.replace_self(link)


def find_by_last_name(app: Sphinx, env, node, content) -> nodes.reference | None:
    """Link `nauc` to ``sklroute.metrics.nauc``, if no other object is called so."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    if target.startswith("sklroute."):  # by another way than the documented one
        target = target.rpartition(".")[2]
    objects = env.domains["py"].objects
    found = [
        (name, entry)
        for name, entry in objects.items()
        if name.endswith(f".{target}")
        and not entry.aliased
        and entry.objtype != "module"
    ]
    if len(found) != 1:
        return None
    name, entry = found[0]
    return make_refnode(
        app.builder, node["refdoc"], entry.docname, entry.node_id, content, name
    )


def setup(app: Sphinx) -> dict:
    """Connect both."""
    app.add_transform(FilesOutside)
    app.connect("missing-reference", find_by_last_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

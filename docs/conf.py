"""How the documentation site is built: ``sphinx-build -W docs docs/_build``."""

import sys
from pathlib import Path

from docutils import nodes
from sphinx.transforms import SphinxTransform

import sklroute

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "sklroute"
author = "The sklroute developers"
copyright = author
release = version = sklroute.__version__

extensions = [
    "links",
    "mathml",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples", "auto_examples/*.md5", "**.ipynb"]
templates_path = ["_templates"]
default_role = "py:obj"  # `name` in a docstring is a link
add_module_names = False
smartquotes = False  # types are written as they are typed
toc_object_entries_show_parents = "hide"

# -- Pages ---------------------------------------------------------------------

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3  # links to headings, as code hosts make them
html_math_renderer = "mathml"

# -- API reference -------------------------------------------------------------

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say types, and shapes
autodoc_default_options = {"members": True, "inherited-members": True}
nitpicky = True
nitpick_ignore = [  # scikit-learn's: the build reads nothing from the network
    ("py:obj", "ColumnTransformer"),
    ("py:obj", "Pipeline"),
    ("py:obj", "cross_val_score"),
    ("py:obj", "sklearn.metrics.log_loss"),
    ("py:obj", "sklearn.neural_network.MLPRegressor"),
    ("py:obj", "sklearn.pipeline.Pipeline"),
]
numpydoc_show_class_members = False  # autodoc lists them


def skip_foreign(app, what, name, obj, skip, options):
    """Leave out methods of scikit-learn's base classes: its own pages explain them.

    And public names of private properties, by which a class refuses what it inherits.
    """
    function = getattr(obj, "fget", obj)
    module = getattr(function, "__module__", None) or "sklroute"
    refused = getattr(function, "__name__", name).startswith("_") and name[0] != "_"
    return skip or refused or not module.startswith("sklroute")


# -- Gallery -------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "doc_module": ("sklroute",),
    "backreferences_dir": "api/backreferences",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "ignore_repr_types": r"matplotlib|sklroute\.displays",
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "thumbnail_size": (480, 336),
    "within_subsection_order": "FileNameSortKey",
    "write_computation_times": False,
}

# -- Looks ---------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = f"sklroute {release}"
html_logo = "images/logo.svg"
html_favicon = "images/logo.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {
    page: [] for page in ("index", "howto", "faq", "comparison", "changelog")
}
html_theme_options = {
    "logo": {"text": "sklroute"},
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher"],
    "show_prev_next": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_nav_level": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


class TightCode(SphinxTransform):
    """Drop the empty line by which a doctest ends in Markdown."""

    default_priority = 5

    def apply(self, **kwargs):
        """Strip every block of code."""
        for block in self.document.findall(nodes.literal_block):
            if block.rawsource == block.astext():
                block.rawsource = block.rawsource.rstrip()
                block[:] = [nodes.Text(block.rawsource)]


def setup(app):
    """Connect what this file defines."""
    app.add_transform(TightCode)
    app.connect("autodoc-skip-member", skip_foreign)

"""The documentation site builds without a warning and is whole without a network."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

DOCS = Path(__file__).parents[1] / "docs"
TOOLS = ["latex2mathml", "myst_parser", "pydata_sphinx_theme", "sphinx_gallery"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Folder of the built site."""
    for tool in TOOLS:
        pytest.importorskip(tool)
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", DOCS, out]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return out


def pages(site):
    """Text of every page; the theme leaves a template in ``_static``."""
    paths = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    return {path: path.read_text(encoding="utf-8") for path in paths}


def test_nothing_is_fetched_from_elsewhere(site):
    loaded = re.compile(
        r'<(?:script|img|iframe)[^>]*src="https?:|<link[^>]*href="https?:'
    )
    assert not [path for path, text in pages(site).items() if loaded.search(text)]


def test_formulas_are_there_for_browsers_without_scripts(site):
    text = (site / "latent_router.html").read_text(encoding="utf-8")
    assert text.count("<math ") > 20
    assert "$" not in re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)


def test_every_local_link_leads_somewhere(site):
    for path, text in pages(site).items():
        for target in re.findall(r'(?:href|src)="([^"#?:]+)(?:[#?][^"]*)?"', text):
            assert (path.parent / unquote(target)).exists(), f"{path.name}: {target}"

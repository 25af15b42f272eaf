"""Imports go one way.

A layer may import those of the lines above its own, not its neighbours::

    persistence
    policies
    outcomes
    explain, metrics
    serving
    pool
    base
    pipeline, stored
    baselines
    guard, latent
    model_selection, scale
    displays
    compare
    audit, server
    cli
    __main__

Beside them stand ``features`` and ``datasets``, which know policies and outcomes only;
who may use them is in `ASIDE`. The package's own ``__init__`` collects public names;
only the command line and the server import it, for the version. Imports inside
functions count too.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import sklroute

ROOT = Path(sklroute.__file__).parent

LAYERS = [
    {"persistence"},
    {"policies"},
    {"outcomes"},
    {"explain", "metrics"},
    {"serving"},
    {"pool"},
    {"base"},
    {"pipeline", "stored"},
    {"baselines"},
    {"guard", "latent"},
    {"model_selection", "scale"},
    {"displays"},
    {"compare"},
    {"audit", "server"},
    {"cli"},
    {"__main__"},
]
ASIDE = {
    "features": {"latent", "compare", "audit", "server", "cli"},
    "datasets": {"compare", "audit", "cli"},
}

# The only layers that may import a library; none of the others needs it.
HOMES = {
    "torch": {"latent", "features"},
    "skorch": {"latent"},
    "matplotlib": {"displays", "compare", "audit"},
    "rich": {"cli"},
    "pyarrow": {"datasets", "scale"},
    "safetensors": {"persistence"},
    "onnx": {"serving"},
    "torchvision": {"features"},
    "open_clip": {"features"},
    "sentence_transformers": {"features"},
    "PIL": {"features", "server"},
    "tqdm": {"features"},
    "anyio": {"server"},
    "h11": {"server"},
    "prometheus_client": {"server"},
    "pydantic": {"server"},
    "starlette": {"server"},
    "uvicorn": {"server"},
    "faiss": {"baselines"},
}
# Imported inside functions only.
OPTIONAL = {
    "matplotlib",
    "pyarrow",
    "torchvision",
    "open_clip",
    "sentence_transformers",
    "PIL",
    "onnx",
    "faiss",
}
LAZY_LAYERS = {"features"}  # load no library of the list until an encoder is used

# What the rules above cannot see or do not allow, and why it is right.
AT_TOP_ALTHOUGH_OPTIONAL = {
    "displays/_labels.py": "draws: FrontierDisplay.plot alone imports it, when called",
}
IMPORTS_BY_NAME = {
    "__init__.py": "LatentRouterClassifier brings torch along: __getattr__ loads it",
    "persistence/_allowed.py": "a name out of a file must stand in its list",
    "compare/_routers.py": "torch is loaded only if the latent router is compared",
}


class Import(NamedTuple):
    """A module that a file imports, and whether it does so as it is loaded."""

    file: str
    module: str
    at_top: bool

    @property
    def layer(self) -> str:
        return layer_of(self.file)

    @property
    def target(self) -> str:
        """The layer it comes from; empty for the package itself."""
        return self.module.partition(".")[2].partition(".")[0]


def layer_of(file: str) -> str:
    return file.split("/")[0].removesuffix(".py")


def read_imports(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_top = {id(node) for node in tree.body}
    file = path.relative_to(ROOT).as_posix()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = ["." * node.level + (node.module or "")]
        else:
            continue
        for module in modules:
            yield Import(file, module, id(node) in at_top)


IMPORTS = [found for path in sorted(ROOT.rglob("*.py")) for found in read_imports(path)]
INTERNAL = [found for found in IMPORTS if found.module.split(".")[0] == "sklroute"]
EXTERNAL = [found for found in IMPORTS if found.module.split(".")[0] in HOMES]


def may_import(layer: str) -> set[str]:
    """Layers that a layer sees: its own, those above it, and some of those aside."""
    if layer == "__init__":
        return set().union(*LAYERS) - {"latent", "server", "cli"}
    if layer in ASIDE:
        return {layer, "policies", "outcomes"}
    (place,) = (i for i, level in enumerate(LAYERS) if layer in level)
    used = {aside for aside, users in ASIDE.items() if layer in users}
    package = {""} if layer in ("cli", "server") else set()
    return {layer}.union(*LAYERS[:place]) | used | package


def test_every_module_has_its_layer():
    known = {"__init__", *ASIDE}.union(*LAYERS)
    files = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py")}
    assert {layer_of(file) for file in files} == known


@pytest.mark.parametrize("layer", ["__init__", *ASIDE, *sorted(set().union(*LAYERS))])
def test_a_layer_imports_only_what_it_may(layer):
    allowed = may_import(layer)
    wrong = [i for i in INTERNAL if i.layer == layer and i.target not in allowed]
    assert not wrong


def test_imports_are_absolute():
    assert not [found for found in IMPORTS if found.module.startswith(".")]


def test_libraries_stay_at_home():
    wrong = [i for i in EXTERNAL if i.layer not in HOMES[i.module.split(".")[0]]]
    assert not wrong


def test_optional_libraries_are_imported_when_needed():
    at_top = {
        i.file for i in EXTERNAL if i.at_top and i.module.split(".")[0] in OPTIONAL
    }
    assert at_top == set(AT_TOP_ALTHOUGH_OPTIONAL)


@pytest.mark.parametrize("layer", sorted(LAZY_LAYERS))
def test_a_lazy_layer_loads_libraries_when_needed(layer):
    assert not [i for i in EXTERNAL if i.at_top and i.layer == layer]


def test_imports_by_name_are_known():
    assert {i.file for i in IMPORTS if i.module == "importlib"} == set(IMPORTS_BY_NAME)

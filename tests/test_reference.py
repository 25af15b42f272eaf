"""The API reference names everything public, and every docstring is whole."""

import ast
import inspect
import pkgutil
import re
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path

import pytest

import sklroute

PAGE = Path(__file__).parents[1] / "docs" / "api" / "index.rst"

# Checks of numpydoc that are left out, and why.
LEFT_OUT = {
    "ES01": "a sentence may say it all",
    "SA01": "not everything has a sibling",
    "EX01": "a method's example is that of its class",
    "RT02": "results have names, as scikit-learn's have",
    "RT03": "a name and a shape may say it all",
    "RT04": "the entries of a Bunch are described by their names",
    "SS05": "it takes 'Colours', 'Names' and 'Indices' for verbs",
    "PR03": "parameters that are explained elsewhere come first or last, together",
}
# A docstring may say that parameters and results are those of another one.
ELSEWHERE = re.compile(r"\b[Aa]s in `|\bare those of\b|whose parameters it takes")

# Public between the layers of the package, and no more.
PARTS = {
    "sklroute.pool.Basis": "state of a router, which the methods of PoolMixin change",
    "sklroute.pool.Belief": "the same",
    "sklroute.pool.Pool": "the same",
}


def public_modules():
    """Modules that have an ``__all__`` and no underscore in their name."""
    modules = pkgutil.walk_packages(sklroute.__path__, "sklroute.")
    names = [module.name for module in modules if "._" not in module.name]
    return [sklroute, *map(import_module, names)]


PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in public_modules()
    for name in module.__all__
    if f"{module.__name__}.{name}" not in PARTS
}


def names_in_the_reference():
    """Names below an autosummary, with the module of the heading above it."""
    module, found = "", []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith(".. module:: "):
            module = line.split()[-1]
        elif re.fullmatch(r"   [A-Za-z_.]+", line):
            found.append(f"{module}.{line.strip()}")
    return found


REFERENCE = names_in_the_reference()


def find(path):
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def test_every_public_name_is_in_the_reference():
    documented = {id(find(path)) for path in REFERENCE}
    assert not [path for path, thing in PUBLIC.items() if id(thing) not in documented]


def test_the_reference_names_public_things_and_each_once():
    public = {id(thing) for thing in PUBLIC.values()}
    assert not [path for path in REFERENCE if id(find(path)) not in public]
    assert len({id(find(path)) for path in REFERENCE}) == len(REFERENCE)


def own_methods(path):
    """Public methods and properties that a class has from this package."""
    for name, member in inspect.getmembers(find(path)):
        function = getattr(member, "fget", member)
        module = getattr(function, "__module__", None) or ""
        refused = getattr(function, "__name__", name).startswith("_")
        if name[0] != "_" and not refused and module.startswith("sklroute"):
            yield f"{path}.{name}"


def is_exempt(code, docstring, thing):
    """Whether a complaint is about something that is said another way."""
    if code in LEFT_OUT:
        return True
    if code in {"PR01", "PR04", "RT01"} and ELSEWHERE.search(docstring):
        return True
    if code == "RT01" and "Yields\n" in docstring:
        return True
    has_fields = is_dataclass(thing) or hasattr(thing, "_fields")
    return code == "PR01" and has_fields  # the fields are attributes


@pytest.mark.parametrize("path", REFERENCE)
def test_docstrings_are_complete(path):
    validate = pytest.importorskip("numpydoc.validate").validate
    things = [path, *own_methods(path)] if inspect.isclass(find(path)) else [path]
    wrong = []
    for name in things:
        report = validate(name)
        thing = find(path) if name == path else None
        wrong += [
            f"{name}: {code} {message}"
            for code, message in report["errors"]
            if not is_exempt(code, report["docstring"], thing)
        ]
    assert not wrong, "\n".join(wrong)


def stated_defaults(thing):
    """Names of parameters and the defaults that the docstring states."""
    docscrape = pytest.importorskip("numpydoc.docscrape")
    text = docscrape.NumpyDocString(inspect.getdoc(thing) or "")
    for names, kind, _ in text["Parameters"]:
        _, found, default = kind.rpartition("default=")
        for name in names.split(", ") if found else ():
            yield name, default


def as_stated(default, text):
    """Whether a default is the literal or has the name that a text gives."""
    try:
        return default == ast.literal_eval(text)
    except ValueError:
        return default.__name__ == text


@pytest.mark.parametrize("path", REFERENCE)
def test_defaults_are_the_stated_ones(path):
    thing = find(path)
    names = own_methods(path) if inspect.isclass(thing) else ()
    for part in (thing, *(getattr(thing, name.split(".")[-1]) for name in names)):
        for name, text in stated_defaults(part) if callable(part) else ():
            default = inspect.signature(part).parameters[name].default
            assert as_stated(default, text), (part, name)

"""A torchvision broken beside this torch is mended, a healthy one left alone."""

import sys
from importlib.util import find_spec
from types import ModuleType

import pytest

from sklroute.features import _torchvision
from sklroute.features._torchvision import import_torchvision

BROKEN = "raise RuntimeError('operator torchvision::nms does not exist')\n"


@pytest.fixture
def forgetful(monkeypatch):
    """Let torchvision be imported afresh, and what was imported come back after."""
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    import_torchvision.cache_clear()
    yield
    import_torchvision.cache_clear()


def test_the_installed_one_can_be_imported():
    if find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    transforms = import_torchvision().transforms
    assert transforms.CenterCrop(2)


def test_a_healthy_one_is_left_alone(monkeypatch, forgetful):
    healthy = ModuleType("torchvision")
    monkeypatch.setitem(sys.modules, "torchvision", healthy)
    monkeypatch.setattr(
        _torchvision, "_declare_operators", lambda: pytest.fail("declared")
    )
    assert import_torchvision() is healthy


def test_missing_operators_are_declared(tmp_path, monkeypatch, forgetful):
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("import torchvision._half\n" + BROKEN)
    (package / "_half.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    declared = []

    def declare():
        assert not [name for name in sys.modules if name.startswith("torchvision")]
        (package / "__init__.py").write_text("mended = True\n")
        declared.append(True)

    monkeypatch.setattr(_torchvision, "_declare_operators", declare)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert import_torchvision().mended
    assert declared == [True]
    for name in ("torchvision", "torchvision._half"):
        sys.modules.pop(name, None)


def test_another_error_is_passed_on(tmp_path, monkeypatch, forgetful):
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('out of luck')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeError, match="out of luck"):
        import_torchvision()

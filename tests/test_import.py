"""Importing sklroute is light, silent and offline."""

import subprocess
import sys
import textwrap

import sklroute

PREAMBLE = """
import socket
import sys

def refuse(*args, **kwargs):
    raise AssertionError("a socket was opened")

socket.socket.__init__ = refuse
socket.create_connection = refuse
"""


def run(code: str) -> str:
    """Run code in a new interpreter without network; return all that it prints."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PREAMBLE + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def test_everything_but_the_latent_router_loads_without_heavy_libraries():
    printed = run(
        """
        import sklroute
        import sklroute.audit
        import sklroute.baselines
        import sklroute.datasets
        import sklroute.displays
        import sklroute.features
        import sklroute.metrics
        import sklroute.model_selection
        import sklroute.pipeline
        import sklroute.policies
        import sklroute.scale

        heavy = {"torch", "skorch", "matplotlib", "pyarrow.parquet"}
        heavy |= {"torchvision", "open_clip", "sentence_transformers", "PIL", "tqdm"}
        heavy |= {"faiss", "dask", "distributed"}
        loaded = heavy & set(sys.modules)
        assert not loaded, loaded
        """
    )
    assert printed == ""


def test_the_latent_router_is_loaded_when_it_is_asked_for():
    printed = run(
        """
        import sklroute
        import sklroute.audit
        assert "torch" not in sys.modules
        from sklroute import LatentRouterClassifier
        assert "torch" in sys.modules
        assert "matplotlib" not in sys.modules
        LatentRouterClassifier()
        """
    )
    assert printed == ""


def test_dir_lists_the_public_names():
    names = {"Outcomes", "LatentRouterClassifier", "KNNRouter", "FixedRouter"}
    assert names <= set(dir(sklroute))
    assert dir(sklroute) == sorted(sklroute.__all__)
    assert all(hasattr(sklroute, name) for name in dir(sklroute))


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(sklroute, "Roter")

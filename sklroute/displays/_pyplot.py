"""What all displays share: matplotlib when it is needed, and the router's name."""

from typing import Any

from sklroute.pipeline import last_step

__all__ = ["import_pyplot", "name_of", "plot_diagonal"]

DIAGONAL = "as predicted"


def import_pyplot(caller: str) -> Any:
    """Return ``matplotlib.pyplot``, or say what to install."""
    try:
        import matplotlib.pyplot as pyplot
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib: pip install sklroute[plot]"
        ) from error
    return pyplot


def name_of(router: Any) -> str:
    """Class name of a router, or of the one that ends a pipeline."""
    return type(last_step(router)).__name__


def plot_diagonal(ax: Any) -> None:
    """Draw, once, the line on which predictions and observations agree."""
    if DIAGONAL not in ax.get_legend_handles_labels()[1]:
        style = {"linestyle": "--", "color": "0.6", "linewidth": 1, "zorder": 1}
        ax.plot([0, 1], [0, 1], **style, label=DIAGONAL)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    ax.spines[["top", "right"]].set_visible(False)

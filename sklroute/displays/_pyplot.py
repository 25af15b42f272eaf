"""What all displays share: matplotlib when it is needed, and the router's name."""

from typing import Any

from numpy.typing import NDArray

from sklroute.pipeline import last_step

MAX_LETTERS = 36  # of a name: more leave no room for what is drawn


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


def take_axes(display: Any, ax: Any, figsize: tuple[float, float]) -> Any:
    """Give a display its axes: those given, or else new ones."""
    pyplot = import_pyplot(f"{type(display).__name__}.plot")
    if ax is None:
        _, ax = pyplot.subplots(figsize=figsize, layout="compressed")
    display.ax_, display.figure_ = ax, ax.figure
    return ax


def log_costs(ax: Any, cost: NDArray) -> None:
    """Make the cost axis logarithmic, with a place for 0 where something is free.

    Its numbers keep clear of each other: of less than two decades also 2 and 5 times
    each power of ten are written.
    """
    if (cost == 0).any() and (cost > 0).any():
        _log_from_zero(ax, cost[cost > 0].min())
    elif ax.get_xscale() != "symlog":  # as one who draws on the same axes has made it
        _log(ax)


def _log(ax: Any) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    class CostLocator(LogLocator):
        def tick_values(self, vmin: float, vmax: float):
            self.set_params(subs=(1, 2, 5) if vmax < 100 * vmin else (1,))
            return super().tick_values(vmin, vmax)

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(CostLocator())
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())


def _log_from_zero(ax: Any, lowest: float) -> None:
    """Logarithmic from ``lowest`` on, linear from 0 to there."""
    from matplotlib.ticker import NullLocator, SymmetricalLogLocator

    class CostLocator(SymmetricalLogLocator):
        def tick_values(self, vmin: float, vmax: float):
            self.set_params(subs=(1, 2, 5) if vmax < 100 * lowest else (1,))
            ticks = super().tick_values(vmin, vmax)
            return [tick for tick in ticks if tick == 0 or tick >= lowest]

    ax.set_xscale("symlog", linthresh=lowest, linscale=0.5)
    ax.xaxis.set_major_locator(CostLocator(base=10, linthresh=lowest))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())


def shown(name: Any, letters: int = MAX_LETTERS) -> str:
    """A name out of the data as matplotlib has to get it to show it as it is.

    It would read ``$`` as mathematics, leave out of the legend what begins with an
    underscore, and shrink the axes beside a long name to nothing.
    """
    text = str(name)
    if len(text) > letters:
        head = 3 * letters // 7  # the end of a model's name says more of it
        text = f"{text[:head]}…{text[head + 1 - letters :]}"
    space = " " if text.startswith("_") else ""
    return space + text.replace("$", r"\$")


def legend_style(ax: Any) -> dict[str, Any]:
    """Keywords of a legend, which stands beside the axes if the layout makes room."""
    if ax.figure.get_layout_engine() is None:
        return {"fontsize": "small", "loc": "best"}
    beside = {"loc": "upper left", "bbox_to_anchor": (1, 1), "frameon": False}
    return {"fontsize": "small", **beside}


def labelled(name: str | None, finding: str | None) -> str | None:
    """Label of a curve: the router's name, and what was found in brackets."""
    if name is None or finding is None:
        return finding if name is None else name
    return f"{name} ({finding})"

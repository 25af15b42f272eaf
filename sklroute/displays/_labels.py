"""Names in a figure: the legend, and names beside dots where they cover least."""

import numpy as np
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from sklroute.displays._pyplot import legend_style, shown

# Where a name may stand, as seen from its dot.
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
GAP = 6.0  # from dot to name, in points


def write_legend(ax, last: tuple[str, ...]) -> None:
    """Legend with some labels last, beside the axes where the layout makes room."""
    handles, labels = ax.get_legend_handles_labels()
    if not handles:
        return
    order = np.argsort(np.isin(labels, last), kind="stable")
    ax.legend(
        [handles[i] for i in order],
        [labels[i] for i in order],
        **legend_style(ax),
    )


def label_points(
    ax, x: NDArray, y: NDArray, names: NDArray, *, max_covered: float, **text_kwargs
) -> list:
    """Write each name beside its dot, in the place that covers least; return the texts.

    The first names choose first. A name that cannot stand clear of all other names,
    inside the axes, or would cover more than ``max_covered`` drawn points, is left out:
    what is written can be read. Limits and scale of the axes should be final.
    """
    ax.figure.draw_without_rendering()  # settles the layout
    drawn = _drawn_pixels(ax)
    taken = [np.array(text.get_window_extent()) for text in ax.texts]
    halo = [withStroke(linewidth=2, foreground=ax.get_facecolor())]
    texts = []
    for xy, name in zip(zip(x, y, strict=True), names, strict=True):
        text = ax.annotate(
            shown(name),
            xy,
            xytext=(0, 0),
            textcoords="offset points",
            zorder=4,  # above the lines
            **text_kwargs,
        )
        size = np.array(text.get_window_extent().size)
        place = _best_place(ax, xy, size, drawn, taken, max_covered)
        if place is None:
            text.remove()
            continue
        offset, box = place
        text.set(position=offset * 72 / ax.figure.dpi, path_effects=halo)
        taken.append(box)
        texts.append(text)
    return texts


def _best_place(ax, xy, size, drawn, taken, max_covered):
    """Offset from the dot and corners of the best place, in pixels; None if none."""
    dot, gap = ax.transData.transform(xy), GAP * ax.figure.dpi / 72
    best, fewest = None, max_covered + 1
    for side in np.array(SIDES):
        offset = side * gap / np.linalg.norm(side) + (side - 1) / 2 * size
        low, high = box = np.array([dot + offset, dot + offset + size])
        inside = (ax.bbox.min <= low).all() and (high <= ax.bbox.max).all()
        if not inside or any(_overlap(box, other) for other in taken):
            continue
        covered = ((low <= drawn) & (drawn <= high)).all(axis=1).sum()
        if covered < fewest:
            best, fewest = (offset, box), covered
    return best


def _overlap(one: NDArray, other: NDArray) -> bool:
    return bool((one[0] < other[1]).all() and (other[0] < one[1]).all())


def _drawn_pixels(ax) -> NDArray:
    """Dots, and points a few pixels apart along the lines."""
    parts = [ax.transData.transform(dots.get_offsets()) for dots in ax.collections]
    for line in ax.get_lines():
        corners = line.get_transform().transform(line.get_xydata())
        corners = corners[np.isfinite(corners).all(axis=1)]
        if len(corners):
            index = np.arange(len(corners))
            steps = np.linspace(0, index[-1], 20 * len(corners))
            parts.append(np.stack([np.interp(steps, index, c) for c in corners.T], 1))
    return np.concatenate([np.zeros((0, 2)), *parts])

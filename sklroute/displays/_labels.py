"""Names beside dots, where they cover least."""

import numpy as np
from numpy.typing import NDArray

# Where a name may stand: its near corner or edge as seen from the dot.
PLACES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
GAP = 6.0  # from dot to name, in points


def label_points(ax, x: NDArray, y: NDArray, names: NDArray, **text_kwargs) -> list:
    """Write each name beside its dot, in the place that covers least.

    A name that cannot stand clear of the other names and inside the axes is left
    out: what is written can be read. Limits and scale of the axes should be final.

    Returns
    -------
    texts : list of Annotation
        Those that were written.
    """
    ax.figure.draw_without_rendering()  # settles the layout
    dots = ax.transData.transform(np.column_stack([x, y]))
    drawn = np.concatenate([dots, *(_pixels(line) for line in ax.get_lines())])
    texts, taken = [], []
    for dot, xy, name in zip(dots, zip(x, y, strict=True), names, strict=True):
        text = ax.annotate(
            str(name), xy, xytext=(0, 0), textcoords="offset points", **text_kwargs
        )
        box = text.get_window_extent()
        place = _best_place(ax, dot, (box.width, box.height), drawn, taken)
        if place is None:
            text.remove()
            continue
        offset, span = place
        points_per_pixel = 72 / ax.figure.dpi
        text.set_position(offset * points_per_pixel)
        taken.append(span)
        texts.append(text)
    return texts


def _best_place(ax, dot, size, drawn, taken):
    """Offset in pixels and corners of the best place for a name, None if all clash."""
    gap = GAP * ax.figure.dpi / 72
    best, fewest = None, np.inf
    for side in np.array(PLACES):
        offset = side * gap / np.linalg.norm(side) + (side - 1) / 2 * size
        low, high = dot + offset, dot + offset + size
        inside = (ax.bbox.min <= low).all() and (high <= ax.bbox.max).all()
        if not inside or any(_overlap((low, high), span) for span in taken):
            continue
        covered = ((low <= drawn) & (drawn <= high)).all(axis=1).sum()
        if covered < fewest:
            best, fewest = (offset, (low, high)), covered
    return best


def _overlap(one, other) -> bool:
    return bool((one[0] < other[1]).all() and (other[0] < one[1]).all())


def _pixels(line) -> NDArray:
    """Points a few pixels apart along a drawn line."""
    corners = line.get_transform().transform(np.column_stack(line.get_data()))
    corners = corners[np.isfinite(corners).all(axis=1)]
    if len(corners) < 2:
        return corners
    steps = np.linspace(0, len(corners) - 1, 20 * len(corners))
    index = np.arange(len(corners))
    return np.column_stack([np.interp(steps, index, axis) for axis in corners.T])

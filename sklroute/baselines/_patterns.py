"""Models that were run on the same queries can share one fit."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def observed_patterns(quality: NDArray) -> Iterator[tuple[NDArray, NDArray]]:
    """Group the models by the rows on which they were observed: rows and columns.

    A complete table is one group; with cells missing at random every model is a
    group of its own, with its own rows. Models that were never observed are left out.
    """
    masks, pattern = np.unique(~np.isnan(quality), axis=1, return_inverse=True)
    for index, mask in enumerate(masks.T):
        if mask.any():
            yield np.flatnonzero(mask), np.flatnonzero(pattern == index)

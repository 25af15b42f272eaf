"""Routers made of other routers, which know themselves what features they take."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from sklroute.base import RouterMixin
from sklroute.base._arrays import all_finite


class MembersMixin:
    """The part of such a router that hands its features on.

    Members are shown the names of the columns, and may take queries that lack a block.
    """

    def _own_members(self) -> Iterable[Any]:
        """What is to be fitted: routers, pipelines and searches."""
        raise NotImplementedError

    def _check_finite(self, X: NDArray, *, reset: bool) -> None:
        """Refuse infinity, and in fit the NaN that a member would refuse."""
        if all_finite(X):
            return
        super()._check_finite(np.where(np.isnan(X), 0, X), reset=reset)
        for member in self._own_members() if reset else ():
            # Now, since it may be shown but a part of the rows. Pipelines may fill NaN.
            if isinstance(member, RouterMixin):
                clone(member)._check_X(self._as_given(X), reset=True)

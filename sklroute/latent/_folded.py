"""The fitted router folded into NumPy: what predicts on a CPU."""

import operator
from typing import Any, NamedTuple

from torch import Tensor

from sklroute.latent._state import built_with, standard_weights
from sklroute.serving._folding import compile_latent
from sklroute.serving._latent import Latent


class Folded(NamedTuple):
    """A router in NumPy, and what it was made of.

    On a CPU it takes a third of the time of the network itself, and a twentieth for a
    single query.
    """

    part: Latent
    source: tuple[Any, ...]
    versions: tuple[int, ...]

    def stands_for(self, router: Any) -> bool:
        """Whether nothing that it was made of was exchanged or changed since."""
        now = _source(router)
        return (
            router.device == "cpu"
            and len(now) == len(self.source)
            and all(map(operator.is_, now, self.source))
            and _versions(now) == self.versions
        )


def fold(router: Any) -> Folded | None:
    """Fold a fitted latent router; None if a part of it has no NumPy form."""
    if router.device != "cpu":
        return None
    try:
        weights = standard_weights(router.net_)
        part = compile_latent(router, weights, built_with(router))
    except TypeError:  # says which part it is: the network itself will predict
        return None
    source = _source(router)
    return Folded(part, source, _versions(source))


def _source(router: Any) -> tuple[Any, ...]:
    module = router.net_.module_
    leaned_on = router.scaler_, router.prior_, router.blend_, router.fitted_quality_
    return (*leaned_on, *module.modules(), *module.parameters(), *module.buffers())


def _versions(source: tuple[Any, ...]) -> tuple[int, ...]:
    """How often each weight was written to."""
    return tuple(s._version for s in source if isinstance(s, Tensor))

"""The fitted router folded into NumPy: what predicts on a CPU."""

import operator
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray
from torch import Tensor

from sklroute.serving._mixin import check_hooks
from sklroute.serving._parts import Part

N_WATCHED = 1024  # values of a large array that are compared; of small ones all are


class Folded(NamedTuple):
    """A router in NumPy, and what it was made of.

    On a CPU it takes a third of the time of the network itself, and a twentieth for a
    single query.
    """

    part: Part
    source: tuple[Any, ...]
    weights: Sequence[Tensor]
    writes: list[tuple[int, int]]
    watched: Sequence[NDArray]
    values: list[bytes]

    def stands_for(self, router: Any) -> bool:
        """Whether nothing that it was made of was exchanged or written to since."""
        now = tuple(_source(router))
        return (
            router.device == "cpu"
            and len(now) == len(self.source)
            and all(map(operator.is_, now, self.source))
            and _writes(self.weights) == self.writes
            and [array.tobytes() for array in self.watched] == self.values
        )


def fold(router: Any) -> Folded | None:
    """Fold a fitted latent router; None if a part of it has no NumPy form."""
    module = router.net_.module_.eval()
    hooked = any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())
    if router.device != "cpu" or hooked:
        return None
    try:
        check_hooks(type(router))
        part = router._compiled_part()
    except TypeError:  # says which part it is: the network itself will predict
        return None
    source = tuple(_source(router))
    scaler, weights = router.scaler_, [*module.parameters(), *module.buffers()]
    arrays = [weight.detach().numpy() for weight in weights]
    arrays += [*router.blend_, router.fitted_quality_, scaler.mean_, scaler.scale_]
    watched = [array.reshape(-1)[:: 1 + array.size // N_WATCHED] for array in arrays]
    values = [array.tobytes() for array in watched]
    return Folded(part, source, weights, _writes(weights), watched, values)


def _source(router: Any) -> Iterator[Any]:
    """What a prediction is made of."""
    yield from (router.blend_, router.fitted_quality_, router.prior_)
    for leaned_on in (router.scaler_, router.prior_):
        yield from () if leaned_on is None else vars(leaned_on).values()
    for part in router.net_.module_.modules():
        own = vars(part)
        yield part
        yield from own.values()
        for name in ("_parameters", "_buffers", "_forward_hooks", "_forward_pre_hooks"):
            yield from own[name].values()


def _writes(weights: Sequence[Tensor]) -> list[tuple[int, int]]:
    """How often each weight was written to, and where it is.

    Not counted is what is written past torch, as through ``weight.data``, or in its
    inference mode: values are watched for that.
    """
    return [(0 if w.is_inference() else w._version, w.data_ptr()) for w in weights]

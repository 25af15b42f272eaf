"""The fitted router folded into NumPy: what predicts on a CPU."""

import operator
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from sklroute.serving._folding import leans_of
from sklroute.serving._latent import Latent


class Folded(NamedTuple):
    """A router in NumPy, and what it was made of.

    A single query takes a tenth of the time of the network itself; large batches, which
    are matrix products, as long.
    """

    part: Latent
    source: tuple[Any, ...]
    writes: list[tuple[int, int]]

    @classmethod
    def of(cls, router: Any, part: Latent) -> "Folded":
        """What stands for a fitted router as it is now."""
        source = tuple(_source(router))
        return cls(part, source, _writes(source))

    def stands_for(self, router: Any) -> bool:
        """Whether nothing that it was made of was exchanged or written to since.

        Writes past torch (``weight.data[0] = 1``) and into NumPy arrays go unnoticed.
        """
        now = tuple(_source(router))
        return (
            router.device == "cpu"
            and len(now) == len(self.source)
            and all(map(operator.is_, now, self.source))
            and _writes(now) == self.writes
        )


def _source(router: Any) -> Iterator[Any]:
    """What a prediction is made of; hooks see or change what the network computes."""
    yield from (
        router.scaler_,
        *leans_of(router),
        router.blend_,
        router.fitted_quality_,
    )
    for part in router.net_.module_.modules():
        yield part
        for name in ("_parameters", "_buffers", "_forward_hooks", "_forward_pre_hooks"):
            yield from vars(part)[name].values()


def _writes(source: Sequence[Any]) -> list[tuple[int, int]]:
    """How often each weight was written to, and where it lies."""
    weights = [s for s in source if isinstance(s, Tensor)]
    return [(0 if w.is_inference() else w._version, w.data_ptr()) for w in weights]

"""A latent router as it lies in a file: for compiling it without torch."""

from typing import Any

from sklearn.base import BaseEstimator

from sklroute.base import RouterMixin
from sklroute.serving._latent import check_weights, compile_latent

__all__: list[str] = []


class _StoredLatentRouter(RouterMixin, BaseEstimator):
    """The attributes of a `LatentRouterClassifier`, its network as arrays."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def _compiled_part(self):
        weights = self.net_
        check_weights(self, weights)
        prior = None if self.prior_ is None else self.prior_.compile()._part
        return compile_latent(self, weights, prior)

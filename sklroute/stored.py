"""A latent router as it lies in a file: for compiling it without torch."""

from typing import Any

from sklearn.base import BaseEstimator

from sklroute.base import RouterMixin
from sklroute.serving._folding import check_weights, compile_latent, module_params

__all__: list[str] = []


class _StoredLatentRouter(RouterMixin, BaseEstimator):
    """The attributes of a `LatentRouterClassifier`, its network as arrays."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def _compiled_part(self):
        built = getattr(self, "_built", None) or module_params(self)
        check_weights(self, self.net_, built)
        return compile_latent(self, self.net_, built)

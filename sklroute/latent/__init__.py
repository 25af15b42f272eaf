"""The latent router: the only part of sklroute that needs torch and skorch."""

from sklroute.latent._estimator import LatentRouterClassifier
from sklroute.latent._module import LatentRouterModule, RouterOutput
from sklroute.serving import QualityDistribution

__all__ = [
    "LatentRouterClassifier",
    "LatentRouterModule",
    "QualityDistribution",
    "RouterOutput",
]

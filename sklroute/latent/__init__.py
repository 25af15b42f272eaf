"""The latent router: the only part of sklroute that needs torch and skorch."""

from sklroute.latent._estimator import LatentRouterClassifier
from sklroute.serving import QualityDistribution

__all__ = ["LatentRouterClassifier", "QualityDistribution"]

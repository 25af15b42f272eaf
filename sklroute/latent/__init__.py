"""The latent router: the only part of sklroute that needs torch and skorch."""

from sklroute.latent._distribution import QualityDistribution
from sklroute.latent._estimator import LatentRouterClassifier

__all__ = ["LatentRouterClassifier", "QualityDistribution"]

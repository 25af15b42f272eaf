"""What carries a decision of the latent router."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklroute.explain._evidence import Evidence, additive, mean_quality
from sklroute.explain._mixin import CLIPPING, ExplainMixin
from sklroute.explain._router import Moments, evidence_of
from sklroute.latent._module import LatentRouterModule
from sklroute.policies import Policy
from sklroute.serving._folding import leans_of
from sklroute.serving._latent import CLAMP

CENTRAL = 0.1, 0.9  # quantiles that bound the interval of a predicted quality


class EvidenceMixin(ExplainMixin):
    """What a latent router has to say of its decisions."""

    _explained_rest = CLIPPING

    def _explain_evidence(self, X, available, better, worse):
        scaled = self._scaled(X)
        _, chunks = zip(*self._departures(X, available), strict=True)
        departures = [np.concatenate(parts) for parts in zip(*chunks, strict=True)]
        inputs = self._inputs(X, scaled, available)
        return [
            *blend_parts(self, scaled, available, departures, better, worse),
            block_reads(self.net_.module_, list(self.scaler_.blocks_), inputs),
            region_profile(self, scaled, better, worse),
        ]

    def _ablated_moments(self, X, available, policy):
        if len(self.scaler_.blocks_) == 1:
            return super()._ablated_moments(X, available, policy)
        X = self._check_X(X, reset=False)
        return without_blocks(self, X, available, policy)

    def _quality_interval(self, X, available):
        if self.net_.module_.prior.shape[1] == 2:
            # An answer is right or wrong: its interval would be 0 to 1.
            return super()._quality_interval(X, available)
        distribution = self._distribution(X, available)
        return tuple(map(distribution.quantile, CENTRAL))


def blend_parts(
    router: Any,
    scaled: NDArray,
    available: NDArray,
    departures: list[NDArray],
    better: NDArray,
    worse: NDArray,
) -> list[Evidence]:
    r"""The terms of the blend: mean quality, the network, what the others tell.

    With :math:`r` the relative weights of the blend and :math:`\Delta` the difference
    between two models,

    .. math:: \Delta \hat q = \Delta \bar q + r_1 \Delta (\hat q_\text{prior} - \bar q)
              + r_2 \Delta (\hat q_\text{clusters} - \bar q)
              + r_3 \Delta d_\text{network} ;

    what all models have in common cancels, and what has no weight is left out.

    Parameters
    ----------
    router : LatentRouterClassifier
        Fitted.
    scaled : ndarray of shape (n_queries, n_features)
        Scaled features.
    available : ndarray of bool, of shape (n_queries, n_models)
        Models that take part.
    departures : list of ndarray of shape (n_queries, n_models)
        Of what is blended from the models' mean quality, as `Blend` has them.
    better, worse : ndarray of int, of shape (n_queries,)
        The two models.
    """
    mean = mean_quality(router.fitted_quality_, better, worse)
    rows = np.arange(len(scaled))
    sources = [*leans_of(router), router.net_]
    left, parts = 1.0, []
    for source, weight, departure in zip(
        sources, router.blend_.relative, departures, strict=True
    ):
        if weight == 0:
            continue
        if source is router.net_:
            own = [weight * departure[rows, models] for models in (better, worse)]
            parts.append(additive("network", ["mean of its members"], *own))
            continue
        quality = router.fitted_quality_ + departure
        values = quality[rows, better], quality[rows, worse]
        told = evidence_of(source, scaled, available, better, worse, values)
        own = [part for part in told if part.source != mean.source]
        if len(own) == len(told):  # it does not start from the mean quality itself
            left -= weight
        prefix = "prior: " if source is router.prior_ else ""
        parts += [part.scaled(weight, prefix) for part in own]
    return [mean.scaled(left, ""), *parts]


@torch.inference_mode()
def block_reads(
    module: LatentRouterModule, blocks: list[str], inputs: dict[str, torch.Tensor]
) -> Evidence:
    """Share of the capsules' attention that each block and pair of blocks gets."""
    x, present = (
        inputs[name].expand(module.n_members, -1, -1) for name in ("x", "present")
    )
    attention, _, _ = module.capsules.attend(x.clamp(-CLAMP, CLAMP), present)
    share = attention.mean(dim=(0, 3)).T.double().cpu().numpy()  # (queries, tokens)
    pairs = [f"{blocks[b]} x {blocks[c]}" for b, c in module.capsules.pairs]
    unknown = np.full_like(share, np.nan)
    names = np.array([*blocks, *pairs], dtype=object)
    return Evidence("capsules read", "attention", names, share, unknown, unknown)


def region_profile(
    router: Any, scaled: NDArray, better: NDArray, worse: NDArray
) -> Evidence:
    """How the two models did in the query's region, against what was to be expected."""
    encoder = router.profile_encoder_
    profile = router.net_.module_.profile.double().cpu().numpy()
    regional = (profile * encoder.scale_ + encoder.center_)[:, 1:]
    region = encoder.regions_.predict(scaled)
    return additive(
        "region",
        region[:, None],
        regional[better, region],
        regional[worse, region],
        kind="profile",
        label=f"{{}} of {encoder.regions_.n_clusters}",
    )


def without_blocks(
    router: Any, X: NDArray, available: NDArray, policy: Policy
) -> Iterator[Moments]:
    """Yield the predictions for the pool without each block of the features."""
    _, spread = router._pool_moments(X, available, policy)
    for name, columns in router.scaler_.blocks_.items():
        without = X.copy()
        without[:, columns] = np.nan
        # A query that has no other block says nothing any more.
        left = ~np.isnan(without).all(axis=1)
        quality = np.tile(router.mean_quality_, (len(X), 1))
        std = None if spread is None else spread.copy()
        if left.any():
            moments = router._pool_moments(without[left], available[left], policy)
            quality[left] = moments[0]
            if std is not None:
                std[left] = moments[1]
        yield name, quality, std

"""The latent router as a scikit-learn estimator."""

from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sklroute.base import RouterMixin
from sklroute.base._arrays import all_finite
from sklroute.features import BlockScaler
from sklroute.features._blocks import check_blocks, missing_blocks
from sklroute.latent._calibration import calibrate
from sklroute.latent._evidence import EvidenceMixin
from sklroute.latent._folded import Folded
from sklroute.latent._inputs import (
    filled_cost,
    module_inputs,
    pack_outcomes,
    scaled_features,
)
from sklroute.latent._net import RouterNet, RoutingDataset, build_net
from sklroute.latent._prior import fit_clusters, fit_prior
from sklroute.latent._profiles import ProfileEncoder, log_marginals, support_size
from sklroute.latent._state import built_with, pack_net, standard_weights, unpack_net
from sklroute.latent._training import auto_epochs, hold_out, seeded, train
from sklroute.outcomes import Outcomes
from sklroute.policies import Policy
from sklroute.serving import QualityDistribution
from sklroute.serving._folding import compile_latent, leans_of, module_params
from sklroute.serving._parts import Part, Pooled, in_chunks

BATCH = 1024  # queries at once through torch, where a call costs more than in NumPy


class LatentRouterClassifier(EvidenceMixin, RouterMixin, BaseEstimator):
    """Route by counterfactual quality, predicted in a latent space of capsules.

    The method of the LatentRouter paper. *Routing capsules* read the modality blocks
    of a query and their interactions. *Capability tokens* hold what is known of each
    model. In *latent communication* models read the capsules, attend to each other
    under the availability mask and feed back to the capsules. A *distributional head*
    predicts how good each model's answer would be, and a *bounded correction* adjusts
    its mean. The parts are written out, equation by equation, in
    ``sklroute.latent._module``.
    Communication and correction are off by default: in the project's ablations they
    did not earn their cost.

    An ensemble of such networks is trained in one batched pass. Each member holds
    out its own part of the queries, on which training is stopped. The network leans
    on a *prior* and on *clusters* of queries: how far the prediction departs from the
    models' mean quality towards the prior, from there towards the query's cluster and
    then towards the network is learnt on held-out queries too.
    Where there is nothing to learn, the best single model is called.

    Parameters
    ----------
    modalities : dict or list of str, default=None
        Columns of each modality block, e.g. ``{"image": slice(0, 512), "text":
        slice(512, 1024)}``, or what their names start with, e.g. ``["image",
        "text"]`` for ``image_0`` and so on, see `BlockScaler`. None makes all columns
        one block. A query may lack a block, though not every block: NaN in all of its
        columns. Capsules read the blocks that are there; the prior is shown the
        block's mean.
    n_members : int, default=2
        Members of the ensemble.
    hidden_dim : int, default=128
        Width of the query tokens.
    n_capsules : int, default=4
        Number of routing capsules.
    token_dim : int, default=8
        Width of capsules and of the models' states; a multiple of ``n_heads``.
    interactions : bool, default=True
        Whether capsules read the products of the blocks.
    communication : bool, default=False
        Whether models communicate.
    n_layers : int, default=1
        Rounds of communication.
    n_heads : int, default=1
        Attention heads of the communication.
    feedback : bool, default=True
        Whether models speak back to the capsules.
    correction_bound : float, default=0.0
        Largest correction of the mean quality, in [0, 1]; 0 switches it off.
    distribution : {"auto", "bernoulli", "binned"}, default="auto"
        "bernoulli": quality is 0 or 1 (soft outcomes count in part); "binned": eleven
        values from 0 to 1. "auto" takes the former if all outcomes are 0 or 1.
    n_regions : int, default=16
        Regions of feature space in a capability profile.
    pairwise_weight, listwise_weight : float, default=0.0
        Weights of the loss terms on the order of the models' utilities, beside the
        likelihood, see ``sklroute.latent._losses``. The cost weight in the utilities
        is that of ``policy``.
    correction_penalty : float, default=0.05
        Weight of the loss term on the squared correction.
    mask_rate : float, default=0.2
        Share of the training queries that are shown with some models masked.
    block_dropout : float, default=0.0
        Share of the training queries of several blocks that are shown without one of
        them, drawn anew in each epoch. Worth it where later queries may lack a block
        though those in training do not.
    dropout : float, default=0.3
        Probability of zeroing a hidden unit in training.
    learning_rate : float, default=4e-3
        Peak of the one-cycle schedule of AdamW.
    weight_decay : float, default=0.1
        Decay of the weight matrices.
    batch_size : int, default=256
        Queries per step.
    max_epochs : int or "auto", default="auto"
        Passes over the queries. "auto" takes a number of steps that grows with the
        square root of the number of queries.
    early_stopping : bool, default=True
        Whether each member holds out queries, so that training stops and returns to
        its best epoch by ``monitor``. Off with fewer than 50 (groups of) queries.
    monitor : {"brier", "utility"}, default="brier"
        Held-out score to stop on: squared error of the predicted quality, which is
        the less noisy one, or realised utility of the choices.
    validation_fraction : float, default=0.125
        Share of the queries that a member holds out.
    patience : int, default=5
        Epochs without improvement after which training stops.
    prior : "kernel", router or None, default="kernel"
        What the network leans on, fitted on the scaled features: "kernel" is
        `KernelRouter`. None leaves the models' mean quality.
    n_clusters : int, default=64
        Clusters of the training queries whose mean outcomes are blended in, at most
        one for ten queries, see `ClusterRouter`. 0 leaves them out.
    policy : Policy, default=None
        Rule that turns predictions into a choice. None is ``MaxUtility()``.
    net_params : dict, default=None
        Further parameters of the skorch net, e.g. ``{"verbose": 1}``.
    device : str, default="cpu"
        Where to compute, e.g. "cuda".
    random_state : int, RandomState or None, default=None
        Seed of the held-out parts, the weights and the batches.

    Attributes
    ----------
    net_ : RouterNet
        The fitted skorch net; ``net_.history`` has the course of training.
    scaler_ : BlockScaler
        Scaling of the blocks.
    profile_encoder_ : ProfileEncoder
        What turns calibration outcomes into capability profiles.
    blend_ : Blend
        How far to follow the prior and the clusters, if any, and the network: weights
        for what all models have in common (``shared``) and for their differences
        (``relative``); 0 where there is nothing to learn.
    prior_ : router or None
        The fitted prior.
    clusters_ : ClusterRouter or None
        The fitted clusters.
    temperature_ : float
        Temperature of `predict_proba`, fitted on held-out queries.
    classes_, mean_quality_, mean_cost_, n_features_in_, feature_names_in_
        See `RouterMixin`.

    References
    ----------
    LatentRouter: counterfactual multimodal utility prediction, arXiv:2605.11301.

    Examples
    --------
    >>> from sklroute import LatentRouterClassifier
    >>> from sklroute.datasets import make_routing
    >>> table = make_routing(400, n_models=3, random_state=0)
    >>> router = LatentRouterClassifier(
    ...     modalities=table.modalities, n_members=2, max_epochs=5, random_state=0
    ... ).fit(table.X, table.y)
    >>> router.predict_quality(table.X[:2]).shape
    (2, 3)
    >>> float(router.predict_proba(table.X[:1], available=[True, False, True])[0, 1])
    0.0
    """

    _parameter_constraints: dict = {
        "modalities": [Mapping, list, tuple, None],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
        "n_capsules": [Interval(Integral, 1, None, closed="left")],
        "token_dim": [Interval(Integral, 1, None, closed="left")],
        "interactions": ["boolean"],
        "communication": ["boolean"],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "n_heads": [Interval(Integral, 1, None, closed="left")],
        "feedback": ["boolean"],
        "correction_bound": [Interval(Real, 0, 1, closed="both")],
        "distribution": [StrOptions({"auto", "bernoulli", "binned"})],
        "n_regions": [Interval(Integral, 1, None, closed="left")],
        "pairwise_weight": [Interval(Real, 0, None, closed="left")],
        "listwise_weight": [Interval(Real, 0, None, closed="left")],
        "correction_penalty": [Interval(Real, 0, None, closed="left")],
        "mask_rate": [Interval(Real, 0, 1, closed="both")],
        "block_dropout": [Interval(Real, 0, 1, closed="both")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "early_stopping": ["boolean"],
        "monitor": [StrOptions({"brier", "utility"})],
        "validation_fraction": [Interval(Real, 0, 0.5, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "prior": [RouterMixin, StrOptions({"kernel"}), None],
        "n_clusters": [Interval(Integral, 0, None, closed="left")],
        "policy": [Policy, None],
        "net_params": [dict, None],
        "device": [str],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        modalities: Mapping[str, Any] | Sequence[str] | None = None,
        n_members: int = 2,
        hidden_dim: int = 128,
        n_capsules: int = 4,
        token_dim: int = 8,
        interactions: bool = True,
        communication: bool = False,
        n_layers: int = 1,
        n_heads: int = 1,
        feedback: bool = True,
        correction_bound: float = 0.0,
        distribution: str = "auto",
        n_regions: int = 16,
        pairwise_weight: float = 0.0,
        listwise_weight: float = 0.0,
        correction_penalty: float = 0.05,
        mask_rate: float = 0.2,
        block_dropout: float = 0.0,
        dropout: float = 0.3,
        learning_rate: float = 4e-3,
        weight_decay: float = 0.1,
        batch_size: int = 256,
        max_epochs: int | str = "auto",
        early_stopping: bool = True,
        monitor: str = "brier",
        validation_fraction: float = 0.125,
        patience: int = 5,
        prior: RouterMixin | str | None = "kernel",
        n_clusters: int = 64,
        policy: Policy | None = None,
        net_params: dict | None = None,
        device: str = "cpu",
        random_state: Any = None,
    ):
        self.modalities = modalities
        self.n_members = n_members
        self.hidden_dim = hidden_dim
        self.n_capsules = n_capsules
        self.token_dim = token_dim
        self.interactions = interactions
        self.communication = communication
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.feedback = feedback
        self.correction_bound = correction_bound
        self.distribution = distribution
        self.n_regions = n_regions
        self.pairwise_weight = pairwise_weight
        self.listwise_weight = listwise_weight
        self.correction_penalty = correction_penalty
        self.mask_rate = mask_rate
        self.block_dropout = block_dropout
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.monitor = monitor
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.prior = prior
        self.n_clusters = n_clusters
        self.policy = policy
        self.net_params = net_params
        self.device = device
        self.random_state = random_state

    # -- training ----------------------------------------------------------------

    def _fit(self, X, outcomes, sample_weight, groups):
        if self.token_dim % self.n_heads:
            raise ValueError(
                f"token_dim={self.token_dim} is not a multiple of "
                f"n_heads={self.n_heads}."
            )
        rng = check_random_state(self.random_state)
        self._seed = int(rng.randint(2**31 - 1))
        self.scaler_ = BlockScaler(self._blocks(X), allow_missing=True).fit(X)
        held_out = None
        if self.early_stopping:
            share = self.validation_fraction
            held_out = hold_out(len(X), groups, self.n_members, share, rng)
        scaled = self._scaled(X)
        dataset = self._dataset(X, scaled, outcomes, sample_weight)
        n_epochs = self.max_epochs
        if n_epochs == "auto":
            n_epochs = auto_epochs(len(X), self.batch_size)
        with seeded(self._seed, self.device):
            self.net_ = self._build_net(scaled, outcomes, sample_weight)
            train(
                self.net_,
                dataset,
                held_out,
                n_epochs=n_epochs,
                learning_rate=self.learning_rate,
                monitor=f"valid_{self.monitor}",
                patience=self.patience,
                cost_weight=self._cost_weight,
            )
        known = scaled, outcomes, sample_weight, groups
        self.prior_ = fit_prior(self.prior, *known, seed=self._seed)
        self.clusters_ = fit_clusters(self.n_clusters, *known[:3], seed=self._seed)
        self.blend_, self.temperature_ = calibrate(self, known, dataset, held_out)
        self._folded = self._fold()

    def _build_net(self, scaled, outcomes, sample_weight) -> RouterNet:
        """Encode what is known of the models and set up an untrained net."""
        self.profile_encoder_ = ProfileEncoder(self.n_regions, random_state=self._seed)
        known = scaled, outcomes.quality, outcomes.cost, sample_weight
        n_support = support_size(self.distribution, outcomes.quality)
        return build_net(
            self,
            profile=self.profile_encoder_.fit(*known).transform(*known),
            prior=log_marginals(outcomes.quality, sample_weight, n_support),
            block_dims=tuple(map(len, self.scaler_.blocks_.values())),
            cost_weight=self._cost_weight,
        ).initialize()

    def _dataset(self, X, scaled, outcomes: Outcomes, sample_weight) -> RoutingDataset:
        cost = filled_cost(outcomes, self.mean_cost_)
        packed = pack_outcomes(outcomes, cost, sample_weight, self.n_members)
        return RoutingDataset(
            self._inputs(X, scaled, outcomes.available),
            torch.as_tensor(packed, device=self.device),
        )

    _compiled_steps = ("_distribution", "_chunks", "_departures", "_inputs", "_scaled")

    def _compiled_part(self):
        weights = standard_weights(self.net_)
        return compile_latent(self, weights, built_with(self))

    # -- copies and files ----------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """All attributes, the net as arrays: without optimiser and history."""
        state = dict(vars(self))
        state.pop("_folded", None)
        if "net_" in state:
            state["net_"] = pack_net(self.net_)
            built = built_with(self)
            if built != module_params(self):  # net_params, or parameters set since
                state["_built"] = built
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        net, built = state.pop("net_", None), state.pop("_built", None)
        vars(self).update(state)
        if self.device.startswith("cuda") and not torch.cuda.is_available():
            self.device = "cpu"
        if net is not None:
            self.net_ = unpack_net(self, net, built)
            self._folded = self._fold()

    # -- features ------------------------------------------------------------------

    def _blocks(self, X) -> dict[str, NDArray[np.intp]]:
        names = getattr(self, "feature_names_in_", None)
        return check_blocks(self.modalities, X.shape[1], names)

    def _check_finite(self, X, *, reset: bool) -> None:
        """Refuse infinity, blocks that are NaN in part and queries without any."""
        if all_finite(X):
            return
        super()._check_finite(np.where(np.isnan(X), 0, X), reset=reset)
        blocks = self._blocks(X) if reset else self.scaler_.blocks_
        nothing = np.all(list(missing_blocks(X, blocks).values()), axis=0)
        if nothing.any():
            raise ValueError(
                f"Row {np.flatnonzero(nothing)[0]} of X is NaN in all columns: a query "
                "needs one block at least."
            )

    def _scaled(self, X) -> NDArray[np.float32]:
        return scaled_features(self.scaler_, X)

    def _inputs(self, X, scaled, available) -> dict[str, torch.Tensor]:
        return module_inputs(self.scaler_, X, scaled, available, self.device)

    # -- prediction --------------------------------------------------------------

    def predict_distribution(
        self, X: ArrayLike, *, available: ArrayLike | None = None
    ) -> QualityDistribution:
        """Distribution of the quality of every model's answer, if it were called.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Features of the queries.
        available : as in `predict`, default=None
            Models that take part in the communication. None lets all of them.

        Returns
        -------
        distribution : QualityDistribution
            With ``mean``, ``std``, ``quantile(q)``, ``prob_at_least(t)`` and
            ``sample(rng)``.
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        return self._distribution(X, self._available(available, len(X)))

    def _fold(self) -> Folded | None:
        """The router in NumPy, unless a subclass computes otherwise."""
        own, base = type(self), LatentRouterClassifier
        steps = (*self._compiled_steps, "_compiled_part")
        changed = any(getattr(own, step) is not getattr(base, step) for step in steps)
        if changed or self.device != "cpu":
            return None
        try:
            return Folded.of(self, self._compiled_part())
        except TypeError:  # says which part has none: the network itself will predict
            return None

    def _numpy_part(self) -> Part | None:
        """What predicts in place of the network: the same, folded into NumPy."""
        folded = self._folded
        return folded.part if folded and folded.stands_for(self) else None

    def _distribution(self, X, available) -> QualityDistribution:
        pool, part = self.pool_, self._numpy_part()
        if part is not None:
            return Pooled(part, pool).distribution(X)
        chunks = self._chunks(X, pool.fitted_mask(available))
        prob, mean = map(np.concatenate, zip(*chunks, strict=True))
        support = np.linspace(0, 1, prob.shape[-1])
        distribution = QualityDistribution(support, pool.expected(prob))
        return distribution.with_mean(pool.quality(X, mean))

    def _predict_quality(self, X):
        available = np.ones((len(X), len(self.classes_)), dtype=bool)
        if hasattr(self, "pool_"):  # of models that were removed nobody hears
            available = self.pool_.fitted_mask(available)
        return self._predict_moments(X, available, None)[0]

    def _pool_moments(self, X, available, policy):
        if policy.needs_std:
            distribution = self._distribution(X, available)
            return distribution.mean, distribution.std
        return super()._pool_moments(X, available, policy)

    def _predict_moments(self, X, available, policy):
        part = self._numpy_part()
        if part is not None:
            return in_chunks(part, X), None
        return np.concatenate([mean for _, mean in self._chunks(X, available)]), None

    def _chunks(self, X, available) -> Iterator[tuple[NDArray, NDArray]]:
        """Yield the network's distribution and the blended mean, chunk by chunk."""
        for prob, departures in self._departures(X, available):
            yield prob, self.blend_(departures, self.fitted_quality_)

    @torch.inference_mode()
    def _departures(self, X, available) -> Iterator[tuple[NDArray, list[NDArray]]]:
        """Yield the network's distribution and what is blended, chunk by chunk.

        In chunks the intermediate results stay in cache, and memory does not grow
        with the number of queries.
        """
        module = self.net_.module_
        if module.training:
            module.eval()
        tokens = module.tokens(module.profile)
        support = np.linspace(0, 1, module.prior.shape[1])
        for start in range(0, len(X), BATCH):
            rows = slice(start, start + BATCH)
            scaled = self._scaled(X[rows])
            inputs = self._inputs(X[rows], scaled, available[rows])
            log_prob = module(**inputs, tokens=tokens).log_prob
            prob = log_prob.exp().mean(0).double()
            prob = (prob / prob.sum(-1, keepdim=True)).cpu().numpy()
            parts = [lean._predict_quality(scaled) for lean in leans_of(self)]
            parts.append(prob @ support)
            yield prob, [part - self.fitted_quality_ for part in parts]

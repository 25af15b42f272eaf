"""A router that leaves a baseline model only where that is shown to be safe."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval

from sklroute.base import RouterMixin
from sklroute.baselines._members import MembersMixin
from sklroute.guard._calibration import calibrate, thresholds_of
from sklroute.outcomes._values import check_known, observed_mean, plain
from sklroute.pipeline import (
    as_router,
    chooses_by_predictions,
    fit_router,
    last_step,
    last_step_and_features,
)
from sklroute.policies import MaxUtility, Policy
from sklroute.serving._rules import Guard


class GuardedRouter(MetaEstimatorMixin, MembersMixin, RouterMixin, BaseEstimator):
    r"""Leave a baseline model only where a router's gain is shown to be safe.

    The wrapped router is fitted on one part of the queries. It proposes a model for
    each query and predicts the gain: the utility of the proposed model less that of
    the baseline. Queries whose gain reaches ``threshold_`` go to the proposed model,
    all others to the baseline. The threshold is the boldest of a sequence, from the
    safest to the router as it is, for which a test on the other, held-out part shows
    that

    .. math:: E[q_\text{guarded}] \ge E[q_\text{baseline}] - \varepsilon ,

    and for all safer ones too. **The promise**: over the draw of the calibration
    queries this holds with probability at least :math:`1 - \alpha`, for any number
    of them, any wrapped router, however wrong its predictions, and any distribution.
    If nothing passes, ``threshold_`` is ``inf`` and every query goes to the baseline.

    Parameters
    ----------
    router : router, Pipeline or search that ends in one
        What proposes models, by the quality and cost that it predicts. It is cloned,
        and fitted on the queries that are not set aside.
    baseline : "best_single" or name of a model, default="best_single"
        The model that is left only with reason. "best_single" has the highest mean
        quality on the queries that the router is fitted on.
    epsilon : float, default=0.01
        Mean quality that may be lost against the baseline, in [0, 1). At 0 a gain in
        quality must be shown, which needs a strong router.
    alpha : float, default=0.1
        Probability with which the promise may be broken, in (0, 1).
    calibration_fraction : float, default=0.5
        Share of the queries (of the groups, if ``fit`` is given groups) that is set
        aside for the test, in (0, 1).
    policy : Policy, default=None
        Rule that proposes. None takes the wrapped router's own, else ``MaxUtility()``.
        Under ``MaxUtility(cost_weight)`` the guarded router looks for savings that do
        not cost more than ``epsilon`` of quality. `Budget`, and others with a bound on
        the mean cost, are refused: their choice for a query depends on the others. So
        is `Thompson`: what it draws to choose is not what was drawn in the test.
    random_state : int, RandomState instance or None, default=None
        Seed of the split and of the order of the test.

    Attributes
    ----------
    threshold_ : float
        Predicted gain from which a query leaves the baseline; ``inf`` = never,
        ``-inf`` = the router as it is.
    baseline_ : str or int
        Name of the baseline model.
    router_ : router
        The fitted router.
    policy_ : Policy
        The rule in use.
    calibration_ : Bunch
        The tests, from the safest threshold to the boldest: ``threshold``,
        ``p_value``, ``routed`` (share of the tested queries that leave the baseline)
        and ``difference`` (mean quality less the baseline's), all of shape
        (n_thresholds,); ``n_queries`` and ``n_units`` (groups or queries) tested.
    classes_ : ndarray of shape (n_models,)
        Names of the models, sorted.
    mean_quality_, mean_cost_ : ndarray of shape (n_models,)
        Mean observed quality and cost of each model.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where ``X`` had names.

    See Also
    --------
    FixedRouter : Always the baseline.

    Notes
    -----
    Assumptions of the promise:

    - Calibration queries, or whole groups of them if ``fit`` is given ``groups``, are
      drawn independently from the distribution that the router will meet, and no
      group is larger than the largest in ``fit``. With groups the means are over
      queries, and the test bets on sums over groups.
    - Quality is in [0, 1]. ``sample_weight`` counts for the wrapped router and the
      choice of the baseline only, except that a query of weight 0 is absent: the
      promise is about queries as they come.
    - Missing cells: only queries on which the proposed model *and* the baseline were
      observed can be tested. Whether they were must depend neither on the answers'
      quality nor on the query and the models proposed (missing at random among the
      queries with a proposal other than the baseline). As soon as one of those is
      missing, queries for which the router proposes the baseline are left out as
      well: they would be over-represented. The test is then stricter, not looser.
      Logs with one call a query have no query to test, and the threshold is ``inf``.
    - The policy is that of ``fit``, costs are those predicted, every model is
      available. Another policy, prices or a mask given to `predict` are obeyed, with
      the same threshold, but nothing is promised for them. Where the baseline is not
      available, the available model of highest mean quality stands in for it.

    Each hypothesis "this threshold loses more than ``epsilon``" is tested by betting
    [1]_, in a fixed sequence [2]_. The thresholds lie just below quantiles of the
    gains on the queries that the router was fitted on, so that calibration queries have
    no part in them. What the test needs is queries: with none of them lost, still more
    than :math:`\tfrac{4}{3} \log(1 / \alpha) / \varepsilon`, about 310 by default, and
    in practice :math:`2 v \log(1 / \alpha) / \varepsilon^2` for a router of zero gain
    whose differences have the variance :math:`v`.

    References
    ----------
    .. [1] I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random
       variables by betting", J. R. Stat. Soc. B 86, 2024, Theorem 3.
    .. [2] A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan and L. Lei, "Learn
       then Test: Calibrating predictive algorithms to achieve risk control", Ann.
       Appl. Stat. 19, 2025.

    Examples
    --------
    >>> from sklroute import GuardedRouter, RidgeRouter
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=3000, random_state=0)
    >>> router = GuardedRouter(RidgeRouter(), epsilon=0.02, random_state=0)
    >>> router = router.fit(data.X, data.y)
    >>> bool(router.threshold_ < float("inf"))
    True
    >>> blind = make_routing(n_queries=3000, signal=0.0, random_state=0)
    >>> careful = GuardedRouter(RidgeRouter(), epsilon=0.001, random_state=0)
    >>> careful.fit(blind.X, blind.y).threshold_
    inf
    """

    _parameter_constraints: dict = {
        **RouterMixin._parameter_constraints,
        "router": [HasMethods(["fit", "predict"])],
        "baseline": "no_validation",  # a name is checked against the outcomes in fit
        "epsilon": [Interval(Real, 0, 1, closed="left")],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "calibration_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    _poor_score = True  # with few queries, the baseline only

    def __init__(
        self,
        router: Any,
        *,
        baseline="best_single",
        epsilon: float = 0.01,
        alpha: float = 0.1,
        calibration_fraction: float = 0.5,
        policy: Policy | None = None,
        random_state=None,
    ):
        self.router = router
        self.baseline = baseline
        self.epsilon = epsilon
        self.alpha = alpha
        self.calibration_fraction = calibration_fraction
        self.policy = policy
        self.random_state = random_state

    def _fit(self, X, outcomes, sample_weight, groups):
        rng = check_random_state(self.random_state)
        fitted, held_out = self._split(X, groups, rng)
        self._fit_router(X, outcomes, sample_weight, groups, fitted)
        self.policy_ = self._own_policy()
        self._set_baseline(outcomes[fitted], sample_weight[fitted])
        choice, gain = self._propose(X[fitted])
        thresholds = thresholds_of(gain[choice != self._ranking[0]])
        choice, gain = self._propose(X[held_out])
        rows, held = np.arange(len(held_out)), outcomes[held_out].quality
        unit, unit_size = _units(groups, held_out, rng)
        self.calibration_ = calibrate(
            thresholds,
            gain,
            held[rows, choice] - held[:, self._ranking[0]],
            choice != self._ranking[0],
            unit,
            unit_size=unit_size,
            epsilon=self.epsilon,
            alpha=self.alpha,
        )
        self.threshold_ = self.calibration_.pop("best")

    def _split(self, X, groups, rng):
        """Rows to fit the router on, and those held out."""
        # Single queries come in random order; groups are given one in `_units`.
        splitter = ShuffleSplit if groups is None else GroupShuffleSplit
        split = splitter(1, test_size=self.calibration_fraction, random_state=rng)
        return next(split.split(X, groups=groups))

    def _fit_router(self, X, outcomes, sample_weight, groups, rows):
        lost = ~outcomes[rows].observed.any(axis=0)
        if lost.any():
            raise ValueError(
                f"Model {plain(self.classes_[lost][0])!r} is observed on calibration "
                f"queries only: calibration_fraction={self.calibration_fraction} "
                "leaves too few to fit the router."
            )
        groups = None if groups is None else groups[rows]
        router = fit_router(
            clone(self.router),
            self._as_given(X[rows]),
            outcomes[rows],
            sample_weight[rows],
            groups,
        )
        self.router_ = as_router(router)
        if not chooses_by_predictions(self.router_):
            name = type(last_step(self.router_)).__name__
            raise ValueError(
                "GuardedRouter needs a router that chooses by predicted quality and "
                f"cost; {name} does not."
            )

    def _own_policy(self) -> Policy:
        """The rule in use: the own one, or else that of the router."""
        given = self.policy if self.policy is not None else self.router_.policy
        policy = MaxUtility() if given is None else given
        if getattr(policy, "mean_cost", None) is not None:
            raise ValueError(
                f"GuardedRouter promises nothing for {policy!r}: its choice for a "
                "query depends on the others. Use MaxUtility or CheapestAbove."
            )
        if "random_state" in policy.get_params():
            raise ValueError(
                f"GuardedRouter promises nothing for {policy!r}: its choices are drawn "
                "anew in every call. Use MaxUtility or CheapestAbove."
            )
        return policy

    def _set_baseline(self, outcomes, weight):
        """Rank the models: the baseline first, then those that may stand in."""
        quality = observed_mean(outcomes.quality, weight)
        cost = observed_mean(outcomes.cost, weight)
        ranking = np.lexsort((cost, -quality))
        if self.baseline != "best_single":
            models = self.classes_.tolist()
            if self.baseline not in models:
                raise ValueError(
                    f"baseline={self.baseline!r} is not 'best_single' or one of the "
                    f"models {models}."
                )
            column = models.index(self.baseline)
            ranking = np.append(column, ranking[ranking != column])
        self._ranking = ranking
        self.baseline_ = self.classes_[ranking[0]]

    def _propose(self, X):
        """Proposed model and predicted gain, as they are in a plain `predict`."""
        available = np.ones((len(X), len(self.classes_)), dtype=bool)
        cost = self._predict_cost(X)
        if self.policy_.needs_cost:
            check_known(cost, available, self.classes_, self.policy_)
        quality, std = self._pool_moments(X, available, self.policy_)
        guard = Guard(self._ranking, np.inf)
        return guard.gain(self.policy_, quality, cost, available, std)[1:]

    @property
    def _fixed_pool(self):
        raise AttributeError(
            "GuardedRouter promises something for the models that it was calibrated "
            "with: change the pool of a router, and fit a GuardedRouter again. To "
            "leave a model out for now, use `available`."
        )

    add_model = remove_model = rename_model = set_costs = partial_fit = _fixed_pool
    suggest_probes = value_of = _fixed_pool

    # -- what the mixins ask for ---------------------------------------------------

    def _own_members(self):
        return [self.router]

    def _policy(self, policy):
        return super()._policy(self.policy_ if policy is None else policy)

    def _predict_quality(self, X):
        return self.router_.predict_quality(self._as_given(X))

    def _predict_cost(self, X):
        return self.router_.predict_cost(self._as_given(X))

    def _pool_quality(self, X, with_std):
        router, X = self._last(X)
        return router._pool_quality(X, with_std)

    def _pool_moments(self, X, available, policy):
        router, X = self._last(X)
        return router._pool_moments(X, available, policy)

    def _last(self, X) -> tuple[RouterMixin, NDArray]:
        """The wrapped router without the steps before it, and what it sees."""
        router, X = last_step_and_features(self.router_, self._as_given(X))
        return router, router._check_X(X, reset=False)

    def _compiled_part(self):
        return self.router_.compile()._part

    def _compiled_cost(self):
        return last_step(self.router_)._compiled_cost()

    def _choice_rule(self):
        return Guard(self._ranking, float(self.threshold_))

    # -- explanation: that of the wrapped router -------------------------------------

    @property
    def _explained_rest(self):
        return last_step(self.router_)._explained_rest

    def _explain_evidence(self, X, available, better, worse):
        router, X = self._last(X)
        return router._explain_evidence(X, available, better, worse)

    def _ablated_moments(self, X, available, policy):
        X = self._as_given(X)
        return self.router_._ablated_moments(X, available, policy)

    def _quality_interval(self, X, available):
        router, X = self._last(X)
        return router._quality_interval(X, available)

    def _held_back(self):
        if np.isinf(self.threshold_):
            return "guarded: no gain is trusted"
        return f"guarded: gain below {self.threshold_:.3g}"


def _units(groups, rows, rng) -> tuple[NDArray[np.intp], int]:
    """Number each held-out query's group at random; the size of the largest group."""
    if groups is None:
        return np.arange(len(rows)), 1
    largest = np.unique(groups, return_counts=True)[1].max()
    present, place = np.unique(groups[rows], return_inverse=True)
    return rng.permutation(len(present))[place], int(largest)

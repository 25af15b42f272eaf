"""A synthetic routing table whose best possible router is known."""

from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from sklroute.outcomes import Outcomes

N_LATENT = 8  # dimensions of what matters in each modality


@validate_params(
    {
        "n_queries": [Interval(Integral, 1, None, closed="left")],
        "n_models": [Interval(Integral, 2, None, closed="left")],
        "n_features": [tuple],
        "n_tasks": [Interval(Integral, 1, None, closed="left")],
        "interaction": [Interval(Real, 0, None, closed="left")],
        "signal": [Interval(Real, 0, None, closed="left")],
        "missing": [Interval(Real, 0, 1, closed="left")],
        "cost_noise": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_routing(
    n_queries: int = 1000,
    n_models: int = 6,
    *,
    n_features: tuple[int, int] = (32, 32),
    n_tasks: int = 8,
    interaction: float = 1.0,
    signal: float = 1.0,
    missing: float = 0.0,
    cost_noise: float = 0.2,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    r"""Make queries, models and outcomes with a known Bayes-optimal router.

    A query has a task :math:`t`, an image latent :math:`u` and a text latent
    :math:`v`, both of eight dimensions and scattered around the task's centre. Model
    :math:`k` answers it correctly with probability

    .. math::
        \sigma\bigl(a_k + s\,[\,b_{tk} + c_k^\top \tilde u + d_k^\top \tilde v
        + \gamma\,\tilde u^\top E_k \tilde v\,]\bigr)

    where :math:`s` is ``signal``, :math:`\gamma` is ``interaction`` and
    :math:`\tilde u, \tilde v` are the deviations from the centre. Dearer models are
    abler on average, cheap ones win on some tasks. A block of features is a random
    linear embedding of its latent plus noise, with an offset and a scale of its own,
    as the two modalities of CLIP have. A call costs the model's price times the
    length of the query, which all its calls share.

    Parameters
    ----------
    n_queries : int, default=1000
        Number of queries.
    n_models : int, default=6
        Number of models, at least 2.
    n_features : tuple of two ints, default=(32, 32)
        Features of the image block and of the text block. With fewer than 8, part of
        the latent is lost.
    n_tasks : int, default=8
        Number of tasks.
    interaction : float, default=1.0
        Weight of what only image and text together tell.
    signal : float, default=1.0
        Weight of everything that depends on the query. At 0 a model is as good on
        one query as on any other, and no router can beat the best single model.
    missing : float, default=0.0
        Share of the answers that were not run, in [0, 1). Their quality and cost are
        NaN. Every query and every model keeps at least one.
    cost_noise : float, default=0.2
        Standard deviation of the logarithm of a query's length.
    random_state : int, RandomState instance or None, default=None
        Seed of everything.

    Returns
    -------
    data : Bunch
        X : ndarray of float32, of shape (n_queries, n_features[0] + n_features[1])
            Image block and text block, side by side.
        y : Outcomes
            Right (1) and wrong (0) answers, and their costs.
        quality : ndarray of shape (n_queries, n_models)
            True expected quality, in the column order of ``y``. The router that
            knows it is Bayes-optimal: no other has a higher expected utility.
        task : ndarray of int, of shape (n_queries,)
            Task of each query, for reports by task.
        groups : ndarray of int, of shape (n_queries,)
            Queries that must not be split in cross-validation: here each is its own.
        modalities : dict of str to slice
            Columns of the blocks "image" and "text".
        models : list of str
            Names of the models, cheapest first.

    Raises
    ------
    ValueError
        If a parameter is out of range, or if ``missing`` would leave a query or a
        model without an answer.

    Examples
    --------
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=500, random_state=0)
    >>> data.X.shape, data.y.shape
    ((500, 64), (500, 6, 3))
    >>> best_single = data.quality.mean(axis=0).max()
    >>> bayes = data.quality.max(axis=1).mean()
    >>> bool(bayes > best_single + 0.1)
    True
    """
    n_image, n_text = _check_features(n_features)
    rng = check_random_state(random_state)
    task = rng.randint(n_tasks, size=n_queries)
    image = rng.standard_normal((n_queries, N_LATENT))
    text = rng.standard_normal((n_queries, N_LATENT))
    logit = _ability(rng, n_models) + signal * _skill(
        rng, task, image, text, n_models, n_tasks, interaction
    )
    quality = expit(logit)
    correct = (rng.uniform(size=quality.shape) < quality).astype(float)
    cost = _costs(rng, n_queries, n_models, cost_noise)
    lost = _lost_cells(rng, quality.shape, missing)
    correct[lost] = cost[lost] = np.nan
    X = np.hstack(
        [
            _embed(rng, image, task, n_tasks, n_image),
            _embed(rng, text, task, n_tasks, n_text),
        ]
    )
    models = [f"model-{k:0{len(str(n_models - 1))}d}" for k in range(n_models)]
    return Bunch(
        X=X,
        y=Outcomes(correct, cost, models=models),
        quality=quality,
        task=task,
        groups=np.arange(n_queries),
        modalities={
            "image": slice(0, n_image),
            "text": slice(n_image, n_image + n_text),
        },
        models=models,
    )


def _check_features(n_features) -> tuple[int, int]:
    if len(n_features) != 2 or not all(
        isinstance(n, Integral) and n >= 1 for n in n_features
    ):
        raise ValueError(
            "n_features must hold two positive integers, the widths of the image "
            f"and the text block; got {n_features!r}."
        )
    return n_features


def _ability(rng, n_models) -> NDArray:
    """General ability; the models are sorted by price, and price buys ability."""
    return np.linspace(-0.6, 1.0, n_models) + 0.1 * rng.standard_normal(n_models)


def _skill(rng, task, image, text, n_models, n_tasks, interaction) -> NDArray:
    """What a model does better or worse on this query than in general."""
    affinity = 1.2 * rng.standard_normal((n_tasks, n_models))
    affinity -= affinity.mean(axis=0)  # what is common to all tasks is ability
    scale = 0.8 / np.sqrt(N_LATENT)
    linear = image @ rng.standard_normal((N_LATENT, n_models))
    linear += text @ rng.standard_normal((N_LATENT, n_models))
    mixing = rng.standard_normal((n_models, N_LATENT, N_LATENT)) / np.sqrt(N_LATENT)
    bilinear = np.einsum("nd,kde,ne->nk", image, mixing, text, optimize=True)
    return affinity[task] + scale * (linear + interaction * bilinear)


def _costs(rng, n_queries, n_models, cost_noise) -> NDArray:
    price = np.geomspace(1.0, 30.0, n_models)
    # Mean length 1, so that a price is the mean cost of its model.
    length = np.exp(cost_noise * rng.standard_normal(n_queries) - cost_noise**2 / 2)
    return length[:, None] * price


def _embed(rng, latent, task, n_tasks, n_features) -> NDArray[np.float32]:
    """One block: task centre and latent, embedded, with a modality gap."""
    centres = 2.5 * rng.standard_normal((n_tasks, N_LATENT))
    axes = rng.standard_normal((N_LATENT, n_features)) / np.sqrt(N_LATENT)
    gap = rng.standard_normal(n_features)
    scale = np.exp(rng.standard_normal())
    noise = 0.2 * rng.standard_normal((len(latent), n_features))
    block = (latent + centres[task]) @ axes + gap + noise
    return (scale * block).astype(np.float32)


def _lost_cells(rng, shape, missing) -> NDArray[np.bool_]:
    """Choose cells to lose, so that every row and every column keeps one."""
    n_queries, n_models = shape
    kept = np.zeros(shape, dtype=bool)
    kept[np.arange(n_queries), rng.randint(n_models, size=n_queries)] = True
    kept[rng.randint(n_queries, size=n_models), np.arange(n_models)] = True
    free = np.flatnonzero(~kept)
    n_lost = round(missing * kept.size)
    if n_lost > len(free):
        raise ValueError(
            f"missing={missing} leaves a query or a model without any answer: with "
            f"{n_queries} queries and {n_models} models at most "
            f"{len(free) / kept.size:.2f} can be missing."
        )
    lost = np.zeros(shape, dtype=bool)
    lost.flat[rng.choice(free, size=n_lost, replace=False)] = True
    return lost

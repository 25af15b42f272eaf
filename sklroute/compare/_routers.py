"""The routers that a comparison fits if nobody says otherwise."""

from collections.abc import Iterable
from importlib import import_module

from sklearn.base import BaseEstimator

# Imported when asked for: the latent router brings torch along.
ROUTERS = {
    "knn": ("sklroute.baselines", "KNNRouter"),
    "clusters": ("sklroute.baselines", "ClusterRouter"),
    "ridge": ("sklroute.baselines", "RidgeRouter"),
    "logistic": ("sklroute.baselines", "LogisticRouter"),
    "kernel": ("sklroute.baselines", "KernelRouter"),
    "mlp": ("sklroute.baselines", "MLPRouter"),
    "average": ("sklroute.baselines", "AverageRouter"),
    "latent": ("sklroute.latent", "LatentRouterClassifier"),
}


def default_routers(names: Iterable[str] | None = None) -> dict[str, BaseEstimator]:
    """Unfitted routers with their default parameters, by name.

    Parameters
    ----------
    names : iterable of str, default=None
        Which ones, of "knn", "clusters", "ridge", "logistic", "kernel", "mlp",
        "average" and "latent". None makes all.

    Returns
    -------
    routers : dict of str to router

    Raises
    ------
    ValueError
        If there is no router of a name, or no name.

    Examples
    --------
    >>> from sklroute.compare import default_routers
    >>> default_routers(["ridge"])
    {'ridge': RidgeRouter()}
    """
    names = list(ROUTERS) if names is None else list(names)
    unknown = [name for name in names if name not in ROUTERS]
    if unknown or not names:
        raise ValueError(
            f"Unknown router {unknown[0] if unknown else ''!r}; there are "
            f"{', '.join(ROUTERS)}."
        )
    return {
        name: getattr(import_module(module), router)()
        for name, (module, router) in ((name, ROUTERS[name]) for name in names)
    }

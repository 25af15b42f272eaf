"""Bad input is refused with a message that names the place.

One row per mistake: what is done, and the part of the message that says which row,
column, model, parameter or file is wrong.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sklroute import (
    AverageRouter,
    FixedRouter,
    KNNRouter,
    Outcomes,
    RandomRouter,
    RidgeRouter,
)
from sklroute.datasets import load_features, load_outcomes
from sklroute.metrics import frontier, realised_quality, traffic_share
from sklroute.outcomes import check_outcomes
from sklroute.policies import Budget, CheapestAbove, MaxUtility, RiskAverse

NAN, INF = float("nan"), float("inf")
NAMES = ["base", "large", "tiny"]
RNG = np.random.default_rng(0)
X = RNG.random((8, 2))
QUALITY = RNG.random((8, 3))
Y = Outcomes(QUALITY, cost=[1.0, 5.0, 0.1], models=NAMES)
WITHOUT_COSTS = Outcomes(QUALITY, models=NAMES)
ROUTER = RidgeRouter().fit(X, Y)
BLIND_ROUTER = RidgeRouter().fit(X, WITHOUT_COSTS)
LOG = pd.DataFrame(
    [["q1", "base", 1.0], ["q1", "large", 0.5], ["q2", "base", 0.0]],
    columns=["query", "model", "quality"],
)


class Unbounded(RidgeRouter):
    """Predicts what is no quality."""

    def _predict_quality(self, X):
        return np.full((len(X), 3), 7.0)


def changed(table, cell, value):
    """A copy of a table with one cell replaced."""
    table = np.array(table, dtype=object if isinstance(value, str) else float)
    table[cell] = value
    return table


def outcomes(quality=QUALITY, cost=None, available=None, models=NAMES):
    return lambda: Outcomes(quality, cost, available, models=models)


def fit(X=X, y=Y, router=None, **keywords):
    router = RidgeRouter() if router is None else router
    return lambda: router.fit(X, y, **keywords)


def predict(X=X, router=ROUTER, **keywords):
    return lambda: router.predict(X, **keywords)


def score(X=X, y=Y, **keywords):
    return lambda: ROUTER.score(X, y, **keywords)


def from_long(log=LOG, **keywords):
    return lambda: Outcomes.from_long(log, **keywords)


def two_level(*columns):
    frame = pd.DataFrame(
        np.zeros((2, len(columns))), columns=pd.MultiIndex.from_tuples(columns)
    )
    return lambda: Outcomes.from_frame(frame)


def nobody_in_row_3():
    return changed(np.ones((8, 3)), 3, 0).astype(bool)


OUTCOMES = {
    "a file's names of columns": (
        lambda: Outcomes.from_frame(pd.DataFrame({"q:a": [1.0], "cost:a": [0.2]})),
        "'cost:a' would be read as the quality of a model.*load_outcomes",
    ),
    "quality above 1": (
        outcomes(changed(QUALITY, (4, 2), 1.2)),
        r"quality must be in \[0, 1\]; row 4, model 'tiny' has 1.2. Scale all of them",
    ),
    "negative quality": (
        outcomes(changed(QUALITY, (4, 2), -0.1)),
        r"quality must be in \[0, 1\]; row 4, model 'tiny' has -0.1.$",
    ),
    "infinite cost": (
        outcomes(cost=[1.0, INF, 2.0]),
        "cost must be finite and >= 0; row 0, model 'large' has inf",
    ),
    "negative cost": (
        outcomes(cost=changed(np.ones((8, 3)), (5, 0), -2.0)),
        "cost must be finite and >= 0; row 5, model 'base' has -2.0",
    ),
    "costs of the wrong shape": (
        outcomes(cost=[1.0, 2.0]),
        r"cost has shape \(2,\); expected \(8, 3\)",
    ),
    "a cost per query": (
        outcomes(cost=np.ones((8, 1))),
        r"cost has shape \(8, 1\); expected \(8, 3\)",
    ),
    "costs that are text": (
        outcomes(cost=["1.0", "dear", "2.0"]),
        "cost must be numeric: row 1, column 0 has 'dear'",
    ),
    "availability of the wrong width": (
        outcomes(available=[True, False]),
        r"`available` has shape \(2,\); expected \(8, 3\)",
    ),
    "availability of one half": (
        outcomes(available=changed(np.ones((8, 3)), (6, 1), 0.5)),
        "`available` must hold true and false only; row 6, column 1 has 0.5",
    ),
    "availability that is missing": (
        outcomes(available=pd.array([True, None, True], dtype="boolean")),
        "`available` must hold true and false only; row 0, column 1 has None",
    ),
    "availability that is masked": (
        outcomes(available=np.ma.array([True, True, True], mask=[False, False, True])),
        "`available` must hold true and false only; row 0, column 2 has None",
    ),
    "complex quality": (
        outcomes(QUALITY + 0j),
        "quality must be numeric: it is complex",
    ),
    "names that NumPy makes the same": (
        outcomes(models=["base", "tiny\0", "tiny"]),
        "Model name 'tiny' appears twice",
    ),
    "numbers that NumPy makes the same": (
        outcomes(models=[2**63, 2**63 + 1, -1]),
        "Model name .* appears twice",
    ),
    "repeated names": (
        outcomes(models=["base", "large", "base"]),
        "Model name 'base' appears twice",
    ),
    "names of mixed types": (
        outcomes(models=["base", 7, "tiny"]),
        "all strings or all numbers; got 'base' and 7",
    ),
    "a name that is missing": (
        outcomes(models=["base", None, "tiny"]),
        "name must be a string or a number; got None",
    ),
    "too few names": (
        outcomes(models=["base", "large"]),
        "Got 2 model names for 3 columns",
    ),
    "quality that is text": (
        outcomes(changed(QUALITY, (2, 1), "good")),
        "quality must be numeric: row 2, column 1 has 'good'",
    ),
    "an empty table": (
        outcomes(np.empty((0, 3))),
        r"quality must be a non-empty table .* shape \(0, 3\)",
    ),
    "a table of one axis": (
        outcomes(np.ones(3)),
        r"quality must be a non-empty table .* shape \(3,\)",
    ),
    "costs labelled for other models": (
        lambda: Outcomes(pd.DataFrame({"a": [0.5]}), cost=pd.DataFrame({"b": [1.0]})),
        r"cost has the labels \['b'\]; the models are \['a'\]",
    ),
    "a column of a frame that is text": (
        lambda: Outcomes(pd.DataFrame({"a": [0.5, 1.0], "b": [1, "yes"]})),
        "quality must be numeric: row 1, column 'b' has 'yes'",
    ),
}

FRAMES = {
    "an unknown channel": (
        two_level(("quality", "a"), ("latency", "a")),
        r"\['quality', 'latency'\] in the first",
    ),
    "no quality": (
        two_level(("cost", "a"), ("cost", "b")),
        r"must have 'quality'.*got \['cost'\]",
    ),
    "three levels": (two_level(("quality", "a", "x")), "in the first of 3"),
    "a cost without quality": (
        two_level(("quality", "a"), ("cost", "a"), ("cost", "b")),
        "There is cost but no quality for model 'b'",
    ),
    "a repeated cost": (
        two_level(("quality", "a"), ("cost", "a"), ("cost", "a")),
        "Model name 'a' appears twice",
    ),
    "a call logged twice": (
        from_long(pd.concat([LOG, LOG[1:2]])),
        "Query 'q1' has more than one row for model 'large': row 3 .*drop_duplicates",
    ),
    "a query of two types": (
        from_long(LOG.assign(query=[1, "1", 2])),
        "'query' has texts and other values: '1' in row 1, 1 in row 0. Make them alike",
    ),
    "a query that is a list": (
        from_long(LOG.assign(query=[["q"], ["r"], ["s"]])),
        r"Column 'query', row 0: \['q'\] is no name",
    ),
    "a model with a blank": (
        from_long(LOG.assign(model=["base", "large", "base "])),
        "Models 'base' and 'base ' differ by blanks alone",
    ),
    "a repeated column": (
        from_long(pd.concat([LOG, LOG[["quality"]]], axis=1)),
        "The log has more than one column 'quality'",
    ),
    "a time as a cost": (
        from_long(LOG.assign(cost=pd.to_timedelta([1, 2, 3], "s"))),
        "cost must be numeric: it holds times",
    ),
    "a time as quality": (
        outcomes(np.zeros(np.shape(QUALITY), "timedelta64[s]")),
        "quality must be numeric: it holds times",
    ),
    "a log without quality": (
        from_long(LOG.drop(columns="quality")),
        r"no column 'quality'; it has \['query', 'model'\]\. Name yours, as by quality",
    ),
    "an empty log": (from_long(LOG[:0]), "The log is empty"),
    "a call of nobody": (
        from_long(LOG.replace("large", None)),
        "Row 1 of the log has no 'model'",
    ),
    "a log without the costs asked for": (
        from_long(cost="usd"),
        r"The log has no column 'usd'; it has \['query', 'model', 'quality'\]",
    ),
    "a logged quality above 1": (
        from_long(LOG.replace(0.0, 80.0)),
        r"quality must be in \[0, 1\]; row 2 of the log, query 'q2', model 'base' has",
    ),
    "a logged cost below 0": (
        from_long(LOG.assign(usd=[0.0, -1.0, 2.0]), cost="usd"),
        "usd must be finite and >= 0; row 1 of the log, query 'q1', model 'large' has",
    ),
    "a logged quality that is a word": (
        from_long(LOG.astype({"quality": object}).replace(0.5, "good")),
        "quality must be numeric: row 1, column 'quality' has 'good'",
    ),
    "a log as a wide table": (lambda: check_outcomes(LOG), "make y by .*from_long"),
    "a query that is not wanted": (
        from_long(queries=["q1"]),
        "Query 'q2' of the log is not in `queries`",
    ),
    "a query that is not logged": (
        from_long(queries=["q1", "q2", "q3"]),
        "Query 'q3' of `queries` is not in the log",
    ),
    "queries that are texts in the log": (
        from_long(LOG.assign(query=["7", "7", "8"]), queries=[7, 8]),
        "Query '7' of the log is .* texts in the log, but not in `queries`: make them",
    ),
    "queries that are numbers in the log": (
        from_long(LOG.assign(query=[7, 7, 8]), queries=["7", "8"]),
        "Query 7 of the log is .* texts in `queries`, but not the log: make them alike",
    ),
}

TARGETS = {
    "a model never observed": (
        fit(y=Outcomes(changed(QUALITY, (slice(None), 1), NAN), models=NAMES)),
        "Model 'large' has no observed quality in any row of y: leave it out",
    ),
    "a query never observed": (
        fit(y=Outcomes(changed(changed(QUALITY, 6, NAN), (2, 1), NAN), models=NAMES)),
        "Row 6 of y has no observed quality for any model",
    ),
    "a masked label": (
        fit(y=np.ma.masked_equal([0, 1, 0, 1, 0, 1, 0, 7], 7)),
        "label in row 7 of y is masked",
    ),
    "a 2-D y of integers": (
        fit(y=QUALITY.round().astype(int)),
        "2-D y must be a float table.*int64.*pass sklroute.Outcomes",
    ),
    "a 2-D y of objects": (
        fit(y=QUALITY.astype(object)),
        "2-D y must be a float table.*got dtype object",
    ),
    "a 3-D y of two channels": (
        fit(y=np.ones((8, 3, 2))),
        r"channels \('quality', 'cost', 'available'\).*got shape \(8, 3, 2\)",
    ),
    "labels that are numbers": (fit(y=QUALITY[:, 0]), "Unknown label type: continuous"),
    "a label that is no model": (
        lambda: check_outcomes(["base", "huge"], models=NAMES),
        "Row 1: 'huge' is not one of the models",
    ),
}

FITTING = {
    "more features than outcomes": (fit(y=Y[:5]), "X has 8 queries, y has 5"),
    "groups of the wrong length": (
        fit(groups=[1, 2, 3]),
        "X has 8 queries, groups has 3",
    ),
    "groups as a table": (
        fit(groups=np.zeros((8, 1))),
        r"groups has shape \(8, 1\)",
    ),
    "a query without a group": (
        fit(groups=np.array(["a"] * 5 + [None, "b", "b"], dtype=object)),
        "groups has no value in row 5",
    ),
    "weights of the wrong length": (
        fit(sample_weight=[1.0, 2.0]),
        r"sample_weight.shape == \(2,\), expected \(8,\)",
    ),
    "negative weights": (
        fit(sample_weight=-np.ones(8)),
        "Negative values in data passed to `sample_weight`",
    ),
    "weights that are all zero": (
        fit(sample_weight=np.zeros(8)),
        "(?i)sample.weight.*zero",
    ),
    "a model observed at weight zero only": (
        fit(
            y=Outcomes(changed(QUALITY, (slice(1, None), 2), NAN), models=NAMES),
            sample_weight=np.arange(8),
        ),
        "Model 'tiny' is observed only where sample_weight is 0",
    ),
    "text as features": (
        fit(pd.DataFrame({"length": range(8), "prompt": ["what is it?"] * 8})),
        "row 0, column 'prompt' has 'what is it",
    ),
    "features that are missing": (
        fit(changed(X, (5, 1), NAN)),
        "NaN or infinity: row 5, column 1 is nan",
    ),
    "a block that is missing": (
        fit(changed(X, 5, NAN)),
        r"row 5, column 0 is nan\. For .* put BlockScaler\(modalities, allow_missing",
    ),
    "a named feature that is missing": (
        fit(pd.DataFrame(changed(X, (5, 1), NAN), columns=["length", "words"])),
        "NaN or infinity: row 5, column words is nan",
    ),
    "features that are infinite": (
        fit(changed(X, (2, 0), INF)),
        "NaN or infinity: row 2, column 0 is inf",
    ),
    "features of one axis": (fit(np.ones(8)), "Expected 2D array, got 1D array"),
    "a router that predicts no quality": (
        fit(router=Unbounded()),
        r"Unbounded._predict_quality .* in \[0, 1\]; got 7.0 to 7.0",
    ),
    "no features": (fit(np.empty((8, 0))), r"0 feature\(s\) \(shape=\(8, 0\)\)"),
    "an unknown policy": (
        fit(router=RidgeRouter(policy="cheapest")),
        "'policy' parameter of RidgeRouter must be .*Policy.* Got 'cheapest'",
    ),
    "risk of which the router knows nothing": (
        fit(router=RidgeRouter(policy=RiskAverse())),
        "RiskAverse needs .*predict_distribution; RidgeRouter",
    ),
    "risk of which the fixed router knows nothing": (
        fit(router=FixedRouter(policy=RiskAverse())),
        "RiskAverse needs .*predict_distribution; FixedRouter",
    ),
    "risk of which the average knows nothing": (
        fit(router=make_pipeline(AverageRouter(policy=RiskAverse()))),
        "RiskAverse needs .*predict_distribution; AverageRouter",
    ),
    "a parameter out of range": (
        fit(router=KNNRouter(n_neighbors=0)),
        "'n_neighbors' parameter of KNNRouter",
    ),
    "an unknown fixed model": (fit(router=FixedRouter("huge")), "'huge'"),
    "the cheapest of unknown costs": (
        fit(y=WITHOUT_COSTS, router=FixedRouter("cheapest")),
        r"FixedRouter\('cheapest'\) needs costs",
    ),
}

PREDICTING = {
    "a query with no available model": (
        predict(available=nobody_in_row_3()),
        "Row 3 has no available model",
    ),
    "a mask of the wrong width": (
        predict(available=[True, True]),
        r"`available` has shape \(2,\); expected \(8, 3\)",
    ),
    "a name that stands alone": (
        predict(available="large"),
        "available is 'large'; expected a list of names",
    ),
    "a mask of one half": (
        predict(available=[1, 0.5, 1]),
        "row 0, column 1 has 0.5",
    ),
    "another number of features": (
        predict(np.ones((8, 3))),
        "X has 3 features, but RidgeRouter is expecting 2",
    ),
    "features that are missing": (
        predict(changed(X, (7, 0), NAN)),
        "row 7, column 0 is nan",
    ),
    "unknown costs that a policy needs": (
        predict(router=BLIND_ROUTER, policy=MaxUtility(0.1)),
        r"MaxUtility\(cost_weight=0.1\) needs costs: that of model 'base' .*row 0",
    ),
    "unknown costs below a floor": (
        predict(router=BLIND_ROUTER, policy=CheapestAbove()),
        r"CheapestAbove\(\) needs costs: that of model 'base'",
    ),
    "prices of the wrong width": (
        predict(costs=[1.0, 2.0]),
        r"costs has shape \(2,\); expected \(8, 3\)",
    ),
    "negative prices": (
        predict(costs=[1.0, -2.0, 3.0], policy=MaxUtility(0.1)),
        "costs must be finite and >= 0; row 0, model 'large' has -2.0",
    ),
    "negative prices of a compiled router": (
        lambda: ROUTER.compile().predict(X, costs={"large": -2.0}),
        "costs must be finite and >= 0; row 0, model 'large' has -2.0",
    ),
    "a price of a model that is not there": (
        predict(costs={"base": 1.0, "huge": 3.0}),
        r"costs has the labels \['base', 'huge'\]; the models are",
    ),
    "prices labelled for other models": (
        predict(costs=pd.Series({"base": 1.0, "large": 2.0, "huge": 3.0})),
        r"costs has the labels \['base', 'large', 'huge'\]",
    ),
    "a budget below the cheapest": (
        predict(policy=Budget(mean_cost=0.05)),
        r"Budget\(mean_cost=0.05\) cannot be kept: the cheapest .* cost 0.1",
    ),
    "risk without a distribution": (
        predict(policy=RiskAverse()),
        "RiskAverse needs .*predict_distribution; RidgeRouter",
    ),
    "a parameter of a policy out of range": (
        predict(policy=MaxUtility(cost_weight=-1)),
        "'cost_weight' parameter of MaxUtility",
    ),
}

SCORING = {
    "other models than the router knows": (
        score(y=Outcomes(QUALITY, models=["base", "large", "huge"])),
        r"y has the models \['base', 'huge', 'large'\].*\['base', 'large', 'tiny'\]",
    ),
    "fewer outcomes than features": (score(y=Y[:5]), "X has 8 queries, y has 5"),
    "fewer labels than features": (score(y=["base"]), "X has 8 queries, y has 1"),
    "a query without a candidate": (
        score(y=Outcomes(changed(QUALITY, 6, NAN), models=NAMES)),
        "Row 6 of y has no model that is both observed and available",
    ),
    "weights of the wrong length": (
        score(sample_weight=[1.0]),
        r"sample_weight.shape == \(1,\), expected \(8,\)",
    ),
    "weights that are all zero": (
        score(sample_weight=np.zeros(8)),
        "(?i)sample.weight.*zero",
    ),
    "a choice that was not observed": (
        lambda: realised_quality([[0.5, NAN]], [1]),
        r"Row 0: the quality of the chosen model 1 is not known.*y\.candidates",
    ),
    "a choice of nobody": (
        lambda: traffic_share(["base", "huge"], NAMES),
        "Row 1: 'huge' is not one of the models",
    ),
    "choices of the wrong length": (
        lambda: realised_quality(Y, ["base"]),
        "choice has 1 entries for 8 queries",
    ),
    "an unknown reduction": (
        lambda: realised_quality(Y, ["base"] * 8, reduce="sum"),
        "reduce must be 'mean' or None; got 'sum'",
    ),
    "a frontier without costs": (
        lambda: frontier(WITHOUT_COSTS, QUALITY, QUALITY),
        "y has no costs",
    ),
    "predictions of the wrong shape": (
        lambda: frontier(Y, QUALITY[:, :2], QUALITY),
        r"Predicted quality has shape \(8, 2\); y has \(8, 3\)",
    ),
}

TABLES = {
    "outcomes": OUTCOMES,
    "frames": FRAMES,
    "targets": TARGETS,
    "fit": FITTING,
    "predict": PREDICTING,
    "score": SCORING,
}
MISTAKES = {
    f"{part}: {name}": mistake
    for part, table in TABLES.items()
    for name, mistake in table.items()
}


@pytest.mark.parametrize(("action", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_a_value_error_that_names_its_place(action, message):
    with pytest.raises(ValueError, match=message):
        action()


@pytest.mark.parametrize("policy", ["cheapest", MaxUtility, 0.5], ids=repr)
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_utility"])
def test_what_is_no_policy_is_a_type_error_that_shows_it(method, policy):
    with pytest.raises(TypeError, match=r"policy must be a .*Policy.* got"):
        getattr(ROUTER, method)(X, policy=policy)


@pytest.mark.parametrize(
    "method",
    ["predict", "predict_proba", "predict_utility", "predict_quality", "predict_cost"],
)
@pytest.mark.parametrize(
    "router", [FixedRouter(), KNNRouter(), RandomRouter(), RidgeRouter()], ids=repr
)
def test_a_router_must_be_fitted_first(router, method):
    with pytest.raises(NotFittedError, match=f"This {type(router).__name__} instance"):
        getattr(router, method)(X)


def test_a_router_must_be_fitted_before_it_is_scored():
    with pytest.raises(NotFittedError, match="This RidgeRouter instance"):
        RidgeRouter().score(X, Y)


@pytest.mark.parametrize("read", [load_outcomes, load_features])
@pytest.mark.parametrize("name", ["absent.csv", "absent.parquet"])
def test_a_missing_file_is_named(read, name):
    with pytest.raises(FileNotFoundError, match=name):
        read(Path("nowhere") / name)


@pytest.mark.parametrize("content", ["", "q:a,q:b\n"])
def test_an_empty_file_is_named(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"table\.csv: the table is empty"):
        load_outcomes(path)

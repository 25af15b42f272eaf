"""``POST /route`` decides as the estimator does, and says what is wrong."""

import json
from threading import current_thread
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import FunctionTransformer

from sklroute import KNNRouter, Outcomes, RandomRouter, RidgeRouter
from sklroute.pipeline import RouterPipeline
from sklroute.policies import Budget, CheapestAbove, MaxUtility, Thompson
from sklroute.server import _served

JSON = {"content-type": "application/json"}
COST = MaxUtility(cost_weight=0.01)


def ask(client, X, **fields):
    return client.post("/route", json={"features": np.asarray(X).tolist(), **fields})


def results(client, X, **fields):
    answer = ask(client, X, **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def table(found, field, models):
    """What was answered, as the estimator gives it; NaN where there was null."""
    return np.array([[row[field][m] for m in models] for row in found], dtype=float)


def as_json(policy):
    return {"name": type(policy).__name__, "parameters": policy.get_params()}


@pytest.mark.parametrize("at_once", [0.0, 60.0])
def test_a_router_that_takes_long_keeps_no_other_client_waiting(
    data, serve, at_once, monkeypatch
):
    monkeypatch.setattr(_served, "AT_ONCE", at_once)

    class Noting(RidgeRouter):
        threads: ClassVar[list[str]] = []

        def _predict_quality(self, X):
            self.threads.append(current_thread().name)
            return super()._predict_quality(X)

    with serve(Noting(alpha=1.0).fit(data.X, data.y)) as client:
        client.post("/route", json={"features": data.X[:1].tolist()})
    assert ("worker" in Noting.threads[-1]) == (at_once == 0)


def test_a_policy_that_needs_prices_is_served_all_the_same(data, serve):
    y = Outcomes(data.y.quality, models=data.y.models)
    router = RidgeRouter(alpha=1.0, policy=MaxUtility(0.1)).fit(data.X, y)
    query = {"features": data.X[:1].tolist()}
    with serve(router) as client:
        assert client.post("/route", json=query).status_code == 422
        prices = dict.fromkeys(map(str, router.classes_.tolist()), 1.0)
        answer = client.post("/route", json={**query, "costs": prices})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "policy", [None, COST, CheapestAbove(0.4), Budget(mean_cost=12.0)], ids=str
)
@pytest.mark.parametrize("rows", [1, 20])  # at once, and in a thread
def test_answers_are_those_of_the_estimator(client, router, data, policy, rows):
    X = data.X[:rows]
    fields = {} if policy is None else {"policy": as_json(policy)}
    found = results(client, X, **fields)
    names = router.classes_
    assert [row["choice"] for row in found] == router.predict(X, policy=policy).tolist()
    expected = {
        "utility": router.predict_utility(X, policy=policy),
        "probability": router.predict_proba(X, policy=policy),
        "quality": router.predict_quality(X),
        "cost": router.predict_cost(X),
    }
    for field, values in expected.items():
        assert np.array_equal(table(found, field, names), values), field


def test_utilities_that_are_drawn_are_those_of_the_choice(serve, data):
    policy = Thompson(random_state=np.random.RandomState(0))
    router = RidgeRouter(alpha=1.0, policy=policy).fit(data.X, data.y)
    with serve(router) as client:
        for row in results(client, data.X[:20]):
            assert row["choice"] == max(row["utility"], key=row["utility"].get)


@pytest.mark.parametrize("rows", [1, 20])
def test_a_compiled_router_answers_as_the_estimator(serve, router, data, rows):
    X, up = data.X[:rows], [False, True, True]
    with serve(router.compile()) as client:
        found = results(client, X, available=["model-1", "model-2"])
        about = client.get("/models").json()
    assert [row["choice"] for row in found] == router.predict(X, available=up).tolist()
    utility = router.predict_utility(X, available=up)
    expected = {
        "utility": np.where(up, utility, np.nan),
        "probability": router.predict_proba(X, available=up),
        "quality": router.predict_quality(X),
        "cost": router.predict_cost(X),
    }
    for field, values in expected.items():
        answered = table(found, field, router.classes_)
        np.testing.assert_allclose(answered, values, rtol=1e-9)
    for name in ("mean_quality", "mean_cost"):
        value = getattr(router, f"{name}_")[0]
        assert about["models"][0][name] == pytest.approx(value)


def test_unavailable_models_are_null_and_never_chosen(client, router, data):
    up = router.classes_[:2].tolist()
    found = results(client, data.X[:9], available=up)
    mask = np.isin(router.classes_, up)
    expected = router.predict(data.X[:9], available=mask)
    assert [row["choice"] for row in found] == expected.tolist()
    assert {row["utility"]["model-2"] for row in found} == {None}
    assert {row["probability"]["model-2"] for row in found} == {0.0}


def test_every_query_may_have_its_own_models(client, data):
    available = [["model-2"], ["model-0"], ["model-1", "model-1"]]
    found = results(client, data.X[:3], available=available)
    assert [row["choice"] for row in found] == ["model-2", "model-0", "model-1"]


def test_a_price_known_now_replaces_the_predicted_cost(client, router, data):
    X = data.X[:8]
    found = results(client, X, costs={"model-2": 0.5}, policy=as_json(COST))
    costs = router.predict_cost(X)
    costs[:, 2] = 0.5
    expected = router.predict(X, costs=costs, policy=COST)
    assert [row["choice"] for row in found] == expected.tolist()
    assert {row["cost"]["model-2"] for row in found} == {0.5}


def test_ids_come_back(client, data):
    found = results(client, data.X[:2], ids=["a", "b"])
    assert [row["id"] for row in found] == ["a", "b"]
    assert "id" not in results(client, data.X[:1])[0]


def test_models_that_are_numbers_have_names(serve, data):
    y = Outcomes(data.y.quality)  # models 0, 1 and 2, without costs
    with serve(RidgeRouter(alpha=1.0).fit(data.X, y)) as client:
        (row,) = results(client, data.X[:1], available=["1"])
    assert row["choice"] == "1"
    assert row["cost"] == {"0": None, "1": None, "2": None}


def test_features_may_have_names(serve, data):
    X = pd.DataFrame(data.X).rename(columns="f{}".format)
    router = RidgeRouter(alpha=1.0).fit(X, data.y)
    with serve(router) as client:
        found = results(client, X[:7])
        names = client.get("/models").json()["feature_names"]
    assert names == X.columns.tolist()
    assert [row["choice"] for row in found] == router.predict(X[:7]).tolist()


def test_a_pipeline_is_served_as_a_router(serve, data):
    steps = [("double", FunctionTransformer(np.nan_to_num)), ("router", KNNRouter())]
    pipeline = RouterPipeline(steps).fit(data.X, data.y)
    with serve(pipeline) as client:
        # null is a missing feature, and this pipeline takes those.
        found = results(client, np.where(data.X > 3, None, data.X)[:6])
    X = np.where(data.X > 3, 0.0, data.X)[:6]
    assert [row["choice"] for row in found] == pipeline.predict(X).tolist()


def test_a_router_that_draws_at_random_can_be_served(serve, data):
    with serve(RandomRouter(random_state=0).fit(data.X, data.y)) as client:
        (row,) = results(client, data.X[:1])
    assert list(row["probability"].values()) == pytest.approx([1 / 3] * 3)


# -- bad requests ----------------------------------------------------------------------

GOOD = [[0.5] * 9, [0.25] * 9]
BAD = {
    "unknown field": (
        {"feature": GOOD},
        "feature: there is no such field; there are ['features'",
    ),
    "no features": ({"features": None}, "takes features, 9 numbers a row"),
    "no row": ({"features": []}, "there is no row"),
    "queries": ({"queries": [{"text": "a"}]}, "takes features, 9 numbers a row"),
    "one row only": ({"features": [0.5] * 9}, "features, row 0: "),
    "short row": ({"features": [[0.5] * 9, [0.5] * 8]}, "features, row 1: 8 numbers"),
    "text": ({"features": [[0.5] * 9, [0.5] * 8 + ["1"]]}, "features, row 1, column 8"),
    "truth": ({"features": [[True] * 9]}, "features, row 0, column 0: "),
    "missing": ({"features": [[0.5] * 8 + [None]]}, "row 0, column 8 is nan"),
    "wrong model": ({"available": ["model-9"]}, "available: 'model-9' is not one of"),
    "a number": ({"available": [0]}, "available: 0 is not one of"),
    "wrong in a row": ({"available": [["model-0"], ["x"]]}, "available, row 1: 'x' is"),
    "mixed": ({"available": [["model-0"], "model-1"]}, "row 1: expected a list"),
    "three rows": ({"available": [["model-0"]] * 3}, "3 lists of names for 2 queries"),
    "none left": ({"available": [["model-0"], []]}, "Row 1 has no available model"),
    "none at all": ({"available": []}, "Row 0 has no available model"),
    "price of": ({"costs": {"model-9": 1.0}}, "costs: 'model-9' is not one of"),
    "negative": ({"costs": {"model-1": -1.0}}, "costs, model-1: "),
    "price": ({"costs": {"model-1": None}}, "costs, model-1: "),
    "policy": ({"policy": {"name": "Policy"}}, "policy: there is no 'Policy'"),
    "parameter": (
        {"policy": {"name": "Budget", "parameters": {"cost": 1.0}}},
        "policy: Budget has no parameter 'cost'",
    ),
    "out of range": (
        {"policy": {"name": "Budget", "parameters": {"mean_cost": 0.0}}},
        "'mean_cost' parameter of Budget",
    ),
    "too dear": (
        {"policy": {"name": "Budget", "parameters": {"mean_cost": 1e-9}}},
        "cannot be kept",
    ),
    "no spread": ({"policy": {"name": "RiskAverse"}}, "predict_distribution"),
    "ids": ({"ids": ["a"]}, "ids: 1 for 2 rows"),
    "same ids": ({"ids": ["a", "a"]}, "ids, row 1: 'a' appears twice"),
}


@pytest.mark.parametrize(("fields", "message"), BAD.values(), ids=BAD)
def test_a_bad_value_is_named(client, fields, message):
    answer = client.post("/route", json={"features": GOOD, **fields})
    assert answer.status_code == 422
    assert message in answer.json()["error"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("place", ['{"features": [[%s]]}', '{"costs": {"a": %s}}'])
def test_numbers_are_finite(client, number, place):
    answer = client.post("/route", content=place % number, headers=JSON)
    assert answer.status_code == 422
    assert "finite" in answer.json()["error"]


def test_a_million_wrong_values_are_one_error(client):
    body = b'{"features": [[' + b'"",' * 30_000 + b'""]]}'
    answer = client.post("/route", content=body, headers=JSON)
    assert answer.status_code == 422
    assert len(answer.json()["error"]) < 200


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_what_is_not_json_is_refused(client, body):
    answer = client.post("/route", content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]


@given(st.data())
def test_a_request_cut_short_or_garbled_is_refused(client, data):
    body = bytearray(json.dumps({"features": GOOD, "ids": ["a", "b"]}).encode())
    place = data.draw(st.integers(1, len(body) - 1))
    if data.draw(st.booleans()):
        body = body[:place]
    else:
        body[place] = data.draw(st.integers(0, 255))
    answer = client.post("/route", content=bytes(body), headers=JSON)
    assert answer.status_code in (200, 400, 422)
    if answer.status_code == 200:
        assert len(answer.json()["results"]) == 2
    else:
        assert answer.json()["error"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5) | st.just("name"), inner, max_size=3)
    ),
    max_leaves=12,
)
FIELDS = ["features", "queries", "ids", "available", "costs", "policy"]


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3), st.booleans())
def test_any_values_get_an_answer_or_a_reason(client, fields, whole):
    fields = {"features": GOOD, **fields} if whole else fields
    answer = client.post("/route", content=json.dumps(fields), headers=JSON)
    assert answer.status_code in (200, 400, 422)
    assert ("results" in answer.json()) == (answer.status_code == 200)
    assert answer.status_code == 200 or answer.json()["error"]


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=9, max_size=9))
def test_extreme_features_are_decided_as_by_the_estimator(client, router, row):
    answer = client.post(
        "/route", content=json.dumps({"features": [row]}), headers=JSON
    )
    if not np.isfinite(row).all():
        assert answer.status_code == 422
    else:
        (found,) = answer.json()["results"]
        assert found["choice"] == router.predict([row])[0]

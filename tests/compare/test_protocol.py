"""The protocol is honest: what is judged was neither learned from nor tuned on."""

import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklroute import LatentRouterClassifier, Outcomes
from sklroute.audit import cross_audit
from sklroute.base import RouterMixin
from sklroute.baselines import ClusterRouter, RidgeRouter
from sklroute.compare import compare, default_routers
from sklroute.compare._contestants import CHOSEN, Arena, operating_point
from sklroute.compare._jobs import Predictions, Tasks, prepare, workers
from sklroute.compare._result import saved_share, with_bounds
from sklroute.compare._splits import Split, make_splits
from sklroute.compare._words import points, sentences, share
from sklroute.datasets import make_routing
from sklroute.features import BlockScaler, TaskEncoder, TextEmbedder
from sklroute.metrics import (
    best_model_per_group,
    cost_range,
    frontier,
    nauc,
    paired_bootstrap,
    realised_quality,
)

FAST = {"n_seeds": 1, "n_resamples": 20}
TIMINGS = ["fit_seconds", "queries_per_second"]
NOTES: list[tuple[str, np.ndarray]] = []  # what recording routers were shown


class RecordingRouter(RouterMixin, BaseEstimator):
    """Notes the first column of what it sees, which holds the number of the row."""

    def __init__(self, policy=None):
        self.policy = policy

    def _fit(self, X, outcomes, sample_weight, groups):
        NOTES.append(("fit", X[:, 0].astype(int)))
        NOTES.append(("groups", groups))

    def _predict_quality(self, X):
        if hasattr(self, "pool_"):  # `fit` predicts for some queries, too
            NOTES.append(("predict", X[:, 0].astype(int)))
        return np.tile(self.mean_quality_, (len(X), 1))


@pytest.fixture(scope="module")
def data():
    return make_routing(400, 4, n_features=(8, 8), missing=0.1, random_state=0)


@pytest.fixture(scope="module")
def result(data):
    return compare(
        data.X,
        data.y,
        tasks=data.task,
        modalities=data.modalities,
        routers={"ridge": RidgeRouter(), "clusters": ClusterRouter(8)},
        feature_cost=0.5,
        n_resamples=200,
    )


def test_queries_may_lack_a_block_and_blocks_may_be_named(data):
    names = [f"{'image' if i < 8 else 'text'}_{i}" for i in range(16)]
    X = pd.DataFrame(data.X, columns=names)
    X.iloc[:80, :8], X.iloc[80:160, 8:] = np.nan, np.nan
    routers = {"ridge": RidgeRouter(), "latent": LatentRouterClassifier(max_epochs=1)}
    results = [
        compare(part, data.y, modalities=modalities, routers=routers, **FAST).table
        for part, modalities in (
            (X, ["image", "text"]),
            (X.to_numpy(), {"image": slice(0, 8), "text": slice(8, 16)}),
        )
    ]
    by_name, by_number = (table.drop(columns=TIMINGS) for table in results)
    pd.testing.assert_frame_equal(by_name, by_number)


def test_routers_learn_from_train_only_and_predict_the_rest():
    NOTES.clear()
    data = make_routing(120, 3, random_state=0)
    X = np.column_stack([np.arange(120), data.X])
    whole = np.arange(120) // 2
    compare(
        X,
        data.y,
        groups=whole,
        routers={"recording": RecordingRouter()},
        preprocessor=FunctionTransformer(),
        **FAST,
    )
    (split,) = make_splits(120, groups=whole, n_seeds=1)
    fitted = [rows for what, rows in NOTES if what == "fit"]
    shown = [set(rows) for what, rows in NOTES if what == "predict"]
    assert len(fitted) == 2  # the router and the control
    for rows in fitted:
        np.testing.assert_array_equal(rows, split.train)
    assert all(rows in (set(split.test), set(split.validation)) for rows in shown)
    groups = [rows for what, rows in NOTES if what == "groups"]
    np.testing.assert_array_equal(groups[0], whole[split.train])


class RecordingScaler(StandardScaler):
    """Notes how many rows it was fitted on."""

    def fit(self, X, y=None, sample_weight=None):
        NOTES.append(("scale", np.asarray(X)))
        return super().fit(X, y, sample_weight)


def test_preprocessing_is_fitted_on_train_only(data):
    NOTES.clear()
    ridge = {"ridge": RidgeRouter()}
    compare(data.X, data.y, routers=ridge, preprocessor=RecordingScaler(), **FAST)
    (split,) = make_splits(400, n_seeds=1)
    ((_, seen),) = NOTES
    np.testing.assert_array_equal(seen, data.X[split.train])


def test_tasks_are_learned_from_train_alone(data):
    tasks, whole = data.X[:, 0] > 0, np.arange(400) // 2
    (split,) = make_splits(400, tasks, whole, 1)
    scaler, told = BlockScaler(data.modalities), Tasks(tasks, whole)
    *parts, blocks = prepare(scaler, data.X, split, None, told)
    assert list(blocks) == ["image", "text", "task"]
    assert not hasattr(scaler, "mean_")
    scaler.fit(data.X[split.train])
    X, *others = (scaler.transform(data.X[rows]) for rows in split)
    encoder = TaskEncoder()
    groups = whole[split.train]
    expected = [encoder.fit_transform(X, tasks[split.train], groups=groups)]
    expected += [encoder.transform(other) for other in others]
    for part, other in zip(parts, expected, strict=True):
        np.testing.assert_allclose(part, other, atol=1e-5)


def test_routers_gain_from_tasks_that_can_be_told():
    rng = np.random.default_rng(0)
    tasks = rng.integers(4, size=1000)
    X = rng.normal(size=(1000, 60))
    X[:, :4] += 3 * np.eye(4)[tasks]
    good = rng.random((1000, 4)) < np.where(np.eye(4)[tasks], 0.65, 0.45)
    data = {"X": X, "y": good.astype(float), "tasks": tasks, "n_resamples": 20}
    routers = {"ridge": RidgeRouter(), "latent": LatentRouterClassifier(max_epochs=1)}
    told = compare(**data, routers=routers, learn_tasks=True).table
    plain = compare(**data, routers={"ridge": RidgeRouter()}).table
    assert told.loc["ridge", "quality"] > plain.loc["ridge", "quality"] + 0.02


def test_test_outcomes_change_neither_operating_point_nor_best_router(data, result):
    (split,) = make_splits(400, tasks=data.task, n_seeds=1)
    quality, cost = data.y.quality.copy(), data.y.cost.copy()
    quality[split.test] = 1 - quality[split.test]
    cost[split.test] = cost[split.test] * 3
    wrong = Outcomes(quality, cost, models=data.models)
    routers = {"ridge": RidgeRouter(), "clusters": ClusterRouter(8)}
    one, two = (
        compare(data.X, y, tasks=data.task, routers=routers, **FAST)
        for y in (data.y, wrong)
    )
    pd.testing.assert_series_equal(one.seeds["cost_weight"], two.seeds["cost_weight"])
    assert one.best == two.best
    assert not np.allclose(one.table["quality"], two.table["quality"])


class OneModelRouter(RouterMixin, BaseEstimator):
    """Holds one model for the best, whatever it is shown."""

    def __init__(self, model=0, policy=None):
        self.model = model
        self.policy = policy

    def _fit(self, X, outcomes, sample_weight, groups):
        pass

    def _predict_quality(self, X):
        return np.tile(np.eye(len(self.classes_))[self.model], (len(X), 1))


NOISE = (np.random.default_rng(0).random((200, 8)) < 0.5).astype(float)
ONE_MODEL_EACH = {f"r{model}": OneModelRouter(model) for model in range(8)}


def test_a_router_chosen_by_seed_has_not_seen_what_it_is_judged_on():
    result = compare(np.eye(200, 3), NOISE, routers=ONE_MODEL_EACH, n_resamples=20)
    splits = make_splits(200, n_seeds=5)
    picks = [NOISE[split.validation].mean(axis=0).argmax() for split in splits]
    reached = [NOISE[split.test, i] for split, i in zip(splits, picks, strict=True)]
    gain = np.concatenate(reached).mean() - result.table.loc["best single", "quality"]
    assert result.chosen["gain"] == pytest.approx(gain)
    assert result.table.loc[result.best, "gain"] > gain + 0.01
    drawn = NOISE[:, picks].mean()
    over_random = np.concatenate(reached).mean() - drawn
    assert result.over_random.estimate == pytest.approx(over_random)
    _, chosen, _, random, _ = sentences(result)
    assert f"the gain is {100 * gain:+.1f}" in chosen
    assert f"{CHOSEN} sends, gives {100 * drawn:.1f} %" in random


def test_what_is_saved_and_gained_on_tasks_is_said_of_the_choice_by_seed():
    price, tasks = np.arange(1.0, 9.0), np.arange(200) % 2
    y = Outcomes(NOISE, np.tile(price, (200, 1)))
    result = compare(
        np.eye(200, 3), y, tasks=tasks, routers=ONE_MODEL_EACH, n_resamples=20
    )
    by_seed = result.seeds.set_index(["name", "seed"])
    rows = []
    for seed, split in enumerate(make_splits(200, tasks, n_seeds=5)):
        known = y[split.validation]
        predicted = [np.tile(one, (len(known), 1)) for one in np.eye(8)]
        area = [
            nauc(frontier(known, each, price), cost_range(known)) for each in predicted
        ]
        rows.append(by_seed.loc[(f"r{np.argmax(area)}", seed)])
    reached = pd.DataFrame(rows)[["quality", "par_quality", "par_cost"]].mean()
    assert result.chosen[reached.index].tolist() == pytest.approx(reached.tolist())
    assert result.chosen["nauc"] < result.table.loc[result.best, "nauc"]
    group = result.table.loc["best per task", "quality"]
    assert result.over_tasks.estimate == pytest.approx(reached["quality"] - group)
    assert result.chosen.name not in {*result.table.index, *result.frontiers["name"]}
    _, _, par, area, group, *_ = sentences(result)
    gain, saved = (
        result.chosen[with_bounds(name)] for name in ("par_gain", "par_saving")
    )
    assert f"{CHOSEN} gains {points(*gain)} points" in par
    assert f"saves {share(*saved)} of" in par
    assert f"its quality is {result.chosen['nauc']:.3f};" in area
    assert f"{CHOSEN} gains" in group


def test_the_choice_by_seed_is_the_best_router_where_all_seeds_choose_it(result):
    best = result.table.loc[result.best]
    pd.testing.assert_series_equal(result.chosen, best, check_dtype=False)


def _arena(quality, cost):
    """Two training, two validation and two test queries, in this order."""
    split = Split(np.arange(2), np.arange(2, 4), np.arange(4, 6))
    y = Outcomes(quality, cost, models=["a", "b"])
    return Arena(y, [split], True, None, None, "auto", 10, 0), split


def test_the_operating_point_is_the_cheapest_as_good_as_the_best_single_model():
    # b is the best single model: right on one of the two validation queries. Sending
    # the first of them to a (predicted gain 0.1 for 4 more units) is as good and costs
    # (1 + 5) / 2; beyond a weight of 0.2 the second goes to a too, and is wrong.
    quality = [[0, 1], [0, 1], [1, 1], [0, 0], [0, 0], [0, 0]]
    arena, split = _arena(quality, np.tile([1.0, 5.0], (6, 1)))
    predicted = np.array([[0.5, 0.6], [0.1, 0.9]])
    cost = np.tile([1.0, 5.0], (2, 1))
    weight = operating_point(arena, split, Predictions(predicted, cost, None, None))
    assert weight > 0.2  # all to a: 1 of 2 right, at a fifth of the cost

    quality[3] = [0, 1]  # now b is right on both, and so must the router be
    arena, split = _arena(quality, np.tile([1.0, 5.0], (6, 1)))
    weight = operating_point(arena, split, Predictions(predicted, cost, None, None))
    assert 0.025 < weight < 0.2  # the first to a, the second to b


def test_where_no_weight_is_as_good_the_best_one_is_taken():
    # Predictions are wrong throughout: at weight 0 both queries go to a, which fails.
    quality = [[0, 1], [0, 1], [0, 1], [0, 1], [0, 0], [0, 0]]
    arena, split = _arena(quality, np.tile([5.0, 1.0], (6, 1)))
    predicted = np.array([[0.9, 0.1], [0.9, 0.1]])
    cost = np.tile([5.0, 4.9], (2, 1))
    weight = operating_point(arena, split, Predictions(predicted, cost, None, None))
    assert weight > 0.8 / 0.1  # b, the cheaper, at last


def test_a_given_operating_point_is_used_as_it_is(data):
    ridge = {"ridge": RidgeRouter()}
    result = compare(data.X, data.y, routers=ridge, cost_weight=0.125, **FAST)
    assert set(result.seeds["cost_weight"]) == {0.125}


def test_a_router_beats_the_best_single_model_where_there_is_a_signal(result):
    ridge = result.table.loc["ridge"]
    assert ridge["gain_low"] > 0
    assert ridge["nauc_gain_low"] > 0
    assert ridge["par_saving_low"] > 0
    assert ridge["qnc"] < 1


def test_the_control_gains_nothing(result):
    control = result.table.loc[result.control]
    assert control["kind"] == "control"
    assert control["gain_low"] <= 0
    assert control["nauc_gain"] < 0.2 * result.table.loc["ridge", "nauc_gain"]


def test_nothing_is_gained_where_there_is_no_signal():
    data = make_routing(400, 4, signal=0.0, random_state=1)
    result = compare(data.X, data.y, routers=default_routers(["ridge"]), n_seeds=3)
    assert result.table.loc["ridge", "gain_low"] <= 0
    assert result.table.loc["ridge", "nauc_gain_low"] <= 0.01


def test_no_router_is_above_the_oracle(result):
    oracle = result.table.loc["oracle"]
    assert (result.table["quality"] <= oracle["quality"]).all()
    assert (result.table["nauc"].dropna() <= oracle["nauc"]).all()
    assert oracle["gap_closed"] == pytest.approx(1.0)


def test_references_are_what_their_names_say(result):
    table = result.table
    assert table.loc["best single", "gain"] == 0.0
    assert table.loc["mix of singles", "quality"] == table.loc["best single", "quality"]
    assert table.loc["mix of singles", "nauc_gain"] == 0.0
    assert table["cost"].idxmin() == "cheapest"
    # The traffic at par of the best router, which is cheap: less than uniform.
    drawn = table.loc[f"random, traffic of {result.best}"]
    assert drawn["cost"] < table.loc["random", "cost"]


def test_best_per_task_is_that_of_the_metrics():
    data = make_routing(300, 4, random_state=2)
    routers = {"r": RidgeRouter()}
    result = compare(data.X, data.y, tasks=data.task, routers=routers, n_resamples=20)
    quality = [
        realised_quality(
            data.y[test],
            best_model_per_group(data.y[train], data.task[train], data.task[test]),
            reduce=None,
        )
        for train, _, test in make_splits(300, tasks=data.task)
    ]
    found = result.table.loc["best per task", "quality"]
    assert found == pytest.approx(np.concatenate(quality).mean())


def test_estimates_lie_in_their_intervals(result):
    for name in ("gain", "par_gain", "par_saving", "nauc", "nauc_gain"):
        part = result.table[[f"{name}_low", name, f"{name}_high"]].dropna()
        assert len(part)
        assert (np.diff(part.to_numpy(dtype=float), axis=1) >= -1e-9).all()


def test_the_share_saved_is_as_uncertain_as_a_ratio_of_means():
    rng = np.random.default_rng(0)
    reference = rng.lognormal(size=400)
    cost = 0.7 * reference + rng.lognormal(size=400) / 5
    rows = rng.integers(400, size=(4000, 400))
    ratio = 1 - cost[rows].mean(axis=1) / reference[rows].mean(axis=1)
    saved = paired_bootstrap(saved_share(cost, reference), random_state=0)
    assert saved.estimate == pytest.approx(1 - cost.mean() / reference.mean())
    expected = np.quantile(ratio, [0.025, 0.975])
    assert [saved.low, saved.high] == pytest.approx(expected, abs=0.01)
    # With the reference's mean taken for fixed the interval would be far wider.
    fixed = paired_bootstrap((reference - cost) / reference.mean(), random_state=0)
    assert fixed.high - fixed.low > 1.2 * (saved.high - saved.low)


def test_features_are_put_on_the_bill(result):
    ridge, single = result.table.loc["ridge"], result.table.loc["best single"]
    extra = 0.5 / single["cost"]
    assert ridge["par_saving_with_features"] == pytest.approx(
        ridge["par_saving"] - extra
    )
    assert np.isnan(result.table.loc["best per task", "par_saving_with_features"])
    assert result.feature_cost == 0.5


def test_traffic_adds_up(result):
    total = result.traffic.groupby(["name", "setting"])["share"].sum()
    np.testing.assert_allclose(total, 1.0)


def test_every_tested_query_counts_in_the_results_by_task(data, result):
    few = compare(
        data.X, data.y, tasks=data.task, routers={"ridge": RidgeRouter()}, **FAST
    )
    for each, tested in ((result, 400), (few, len(few.y_test))):
        count = each.by_task["queries"]
        assert count.sum() == tested
        weighted = np.average(each.by_task["ridge"], weights=count)
        assert weighted == pytest.approx(each.table.loc["ridge", "quality"])


def test_the_number_of_processes_does_not_change_the_results(data):
    routers = default_routers(["ridge", "clusters"])
    done = []
    one, two = (
        compare(
            data.X,
            data.y,
            routers=routers,
            n_seeds=2,
            n_resamples=20,
            n_jobs=n_jobs,
            progress=lambda *counts: done.append(counts),
        )
        for n_jobs in (1, 2)
    )
    assert done == [(k, 6) for k in range(1, 7)] * 2
    pd.testing.assert_frame_equal(
        one.table.drop(columns=TIMINGS), two.table.drop(columns=TIMINGS)
    )
    pd.testing.assert_frame_equal(one.frontiers, two.frontiers)


def test_a_worker_that_joblib_replaces_is_no_news():
    text = "A worker stopped while some jobs were given to the executor."
    with workers(1):
        warnings.warn(text, UserWarning, stacklevel=1)


def test_without_costs_quality_alone_is_compared(data):
    result = compare(
        data.X, Outcomes(data.y.quality), routers={"r": RidgeRouter()}, **FAST
    )
    assert not result.has_costs
    assert result.frontiers is None
    assert {"quality", "gain"} <= set(result.table)
    assert not {"nauc", "par_saving"} & set(result.table)
    assert "cheapest" not in result.table.index


def test_the_choices_are_what_the_table_says(data, result):
    for name, calls in result.choices.groupby("name"):
        assert sorted(calls["query"]) == list(range(len(data.y)))
        column = np.searchsorted(data.y.models, calls["model"])
        for part in ("quality", "cost"):
            worth = getattr(data.y, part)[calls["query"], column]
            assert (calls[part] == worth).all()
            assert calls[part].mean() == pytest.approx(result.table.loc[name, part])


def test_curves_hold_the_interval_of_the_gain_at_each_point(result):
    single = result.table.loc["best single", "quality"]
    for name, curve in result.frontiers.groupby("name"):
        assert (curve["quality_low"] <= curve["quality"]).all()
        assert (curve["quality"] <= curve["quality_high"]).all()
        first = curve[curve["cost_weight"] == 0].iloc[0]
        low, high = result.table.loc[name, ["gain_low", "gain_high"]]
        assert first["quality_low"] == pytest.approx(single + low)
        assert first["quality_high"] == pytest.approx(single + high)


def test_answers_of_unknown_cost_are_no_candidates(data):
    cost = data.y.cost.copy()
    cost[:200, 3] = np.nan  # the dearest model's, for half of the queries
    y = Outcomes(data.y.quality, cost, models=data.models)
    routers = {"r": RidgeRouter()}
    result = compare(data.X, y, routers=routers, **FAST)
    assert result.table.loc["r", ["cost", "par_cost", "nauc"]].notna().all()
    assert not result.y_test.candidates[np.isnan(result.y_test.cost)].any()


def test_pipelines_are_routers_too(data):
    pipeline = make_pipeline(StandardScaler(), RidgeRouter())
    result = compare(data.X, data.y, routers={"scaled": pipeline}, **FAST)
    assert result.best == "scaled"
    assert result.control == "scaled, shuffled"


def test_the_seed_of_the_comparison_reaches_every_router(data):
    routers = {"clusters": ClusterRouter(6), "mlp": default_routers(["mlp"])["mlp"]}
    one, again, other = (
        compare(data.X, data.y, routers=routers, random_state=state, **FAST)
        for state in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(
        one.table.drop(columns=TIMINGS), again.table.drop(columns=TIMINGS)
    )
    assert not one.table["quality"].equals(other.table["quality"])


def test_it_says_what_it_compared(result):
    assert repr(result) == "Comparison(routers=['ridge', 'clusters'], best='ridge')"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.zeros((3, 2))}, "X has 3 queries, y has 400"),
        ({"tasks": ["a"]}, "tasks has 1"),
        ({"groups": range(399)}, "groups has 399"),
        ({"tasks": [None, *"a" * 399]}, "tasks has no value in row 0"),
        ({"groups": [*range(399), np.nan]}, "groups has no value in row 399"),
        ({"groups": np.arange(400) % 4}, "At least 5 groups"),
        ({"routers": {}}, "no router to compare"),
        ({"routers": {1: RidgeRouter(), "1": RidgeRouter()}}, "1 and '1' of two rout"),
        ({"routers": {"oracle": RidgeRouter()}}, "cannot be called 'oracle'"),
        ({"routers": {CHOSEN: RidgeRouter()}}, f"cannot be called '{CHOSEN}'"),
        ({"y": np.eye(4)[np.arange(400) % 4], "cost_weight": 0.1}, "0.1 needs costs"),
        ({"y": np.eye(4)[np.arange(400) % 4], "feature_cost": 1.0}, "needs the costs"),
        ({"routers": {"task": RidgeRouter()}}, "cannot be called 'task': a column"),
        ({"routers": {"r": StandardScaler()}}, "Expected a router"),
        ({"n_seeds": 0}, "n_seeds"),
        ({"cost_weight": -1.0}, "cost_weight"),
        ({"cost_weight": "cheap"}, "cost_weight"),
        ({"feature_cost": [1.0, 2.0]}, "feature_cost has shape"),
        ({"feature_cost": -1.0}, "feature_cost must be finite"),
        ({"modalities": {"image": slice(0, 4)}}, "Column 4 belongs to none"),
        ({"learn_tasks": True}, "learn_tasks needs tasks"),
        (
            {
                "learn_tasks": True,
                "tasks": [0, 1] * 200,
                "modalities": {"task": slice(0, 16)},
            },
            "A block is called 'task'",
        ),
    ],
)
def test_bad_input_is_named(data, change, message):
    good = {"X": data.X, "y": data.y, "routers": {"r": RidgeRouter()}, "n_seeds": 1}
    with pytest.raises((ValueError, TypeError), match=message):
        compare(**{**good, **change})


def test_pictures_need_a_preprocessor(data):
    X = pd.DataFrame({"image": [object()] * 400})
    with pytest.raises(ValueError, match=r"X must be numeric: row 0, column 'image'"):
        compare(X, data.y, **FAST)


def test_an_error_of_a_preprocessor_tells_that_it_got_a_part(data):
    texts = ["some text"] * 399 + [None]
    with pytest.raises(ValueError, match="is not a text but None") as raised:
        compare(np.array(texts), data.y, preprocessor=TextEmbedder(), **FAST)
    note = "The preprocessor got a part of X: rows are counted in it."
    assert raised.value.__notes__ == [note]


@pytest.mark.parametrize("row", [3, 250, 399])
def test_a_block_that_is_nan_in_part_is_named_by_its_row_in_the_table(data, row):
    X = data.X.copy()
    X[row, 0] = np.nan
    message = f"Row {row}: block 'image' is NaN in part"
    with pytest.raises(ValueError, match=message):
        compare(X, data.y, modalities=data.modalities, **FAST)
    with pytest.raises(ValueError, match=message):
        cross_audit(RidgeRouter(), X, data.y, modalities=data.modalities)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (np.s_[:, 2], "'model-2' has no cost while others do"),
        (
            np.s_[7],
            r"Row 7 of y has no available model of known .* \(1 of 400 .*: leave",
        ),
    ],
)
def test_a_model_or_a_query_without_any_cost_is_named(data, cells, message):
    cost = data.y.cost.copy()
    cost[cells] = np.nan
    y = Outcomes(data.y.quality, cost, models=data.models)
    with pytest.raises(ValueError, match=message):
        compare(data.X, y)


@pytest.mark.parametrize("priced", [True, False])
def test_one_answer_a_query_leaves_nothing_to_compare(data, priced):
    called = np.arange(400)[:, None] % 4 == np.arange(4)
    quality = np.where(called, np.nan_to_num(data.y.quality), np.nan)
    y = Outcomes(quality, np.ones(4) if priced else None, models=data.models)
    with pytest.raises(ValueError, match="No query has known outcomes of more than"):
        compare(data.X, y)


def test_a_model_too_rare_to_learn_from_is_named(data):
    quality = np.nan_to_num(data.y.quality)
    quality[1:, 0] = np.nan
    y = Outcomes(quality, models=data.models)
    with pytest.raises(ValueError, match="'model-0' is observed on 1 queries, on none"):
        compare(data.X, y)
    cost = np.nan_to_num(data.y.cost)
    cost[1:, 0] = np.nan
    y = Outcomes(np.nan_to_num(data.y.quality), cost, models=data.models)
    message = "'model-0' is observed with its cost on 1 queries, on none"
    with pytest.raises(ValueError, match=message):
        compare(data.X, y)
    with pytest.raises(ValueError, match=message):
        cross_audit(RidgeRouter(), data.X, y, cost_weight=0.1)
    assert cross_audit(RidgeRouter(), data.X, y, n_permutations=1).has_costs


def test_unknown_default_routers_are_named():
    with pytest.raises(ValueError, match=r"Unknown router 'forest'; there are knn"):
        default_routers(["knn", "forest"])


@pytest.mark.parametrize("judge", [compare, partial(cross_audit, RidgeRouter())])
def test_texts_without_an_encoder_are_refused_with_what_to_do(data, judge):
    texts = [f"query {i}" for i in range(len(data.y))]
    with pytest.raises(ValueError, match=r"preprocessor=make_pipeline\(TextEmbedder"):
        judge(texts, data.y)


def test_what_a_preprocessor_says_of_numbers_is_not_about_texts(data):
    def refuse(X):
        raise ValueError("could not convert euros")

    with pytest.raises(ValueError, match=r"^could not convert euros"):
        compare(data.X, data.y, preprocessor=FunctionTransformer(refuse))

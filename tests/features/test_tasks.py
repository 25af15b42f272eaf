"""Tasks are learned from labels, and told of queries that the classifier never saw."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklroute import KernelRouter, Outcomes, RidgeRouter
from sklroute.features import TaskEncoder
from sklroute.metrics import realised_quality
from sklroute.pipeline import as_router

CROSS_FITTED = "training queries are encoded by classifiers that have not seen them"


@parametrize_with_checks(
    [TaskEncoder()],
    expected_failed_checks=lambda _: {
        "check_transformer_general": CROSS_FITTED,
        "check_transformer_data_not_an_array": CROSS_FITTED,
    },
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture
def logs():
    """400 queries of three tasks that overlap a little."""
    rng = np.random.default_rng(0)
    tasks = rng.choice(["chart", "ocr", "spatial"], size=400, p=[0.5, 0.3, 0.2])
    centre = {"chart": [2, 0, 0], "ocr": [0, 2, 0], "spatial": [0, 0, 2]}
    X = np.array([centre[task] for task in tasks]) + rng.normal(size=(400, 3))
    return X, tasks


def added(encoder, X):
    """The new columns alone."""
    return encoder.transform(X)[:, X.shape[1] :]


def test_columns_are_the_features_and_centred_probabilities(logs):
    X, tasks = logs
    encoder = TaskEncoder(weight=2.0).fit(X, tasks)
    assert encoder.tasks_.tolist() == ["chart", "ocr", "spatial"]
    shares = [(tasks == task).mean() for task in encoder.tasks_]
    assert_allclose(encoder.prior_, shares)
    encoded = encoder.transform(X)
    assert_array_equal(encoded[:, :3], X)
    centred = X - X.mean(axis=0)
    norm = np.linalg.norm(centred, axis=1).mean()
    reference = LogisticRegression(C=10, max_iter=1000).fit(centred / norm, tasks)
    departure = reference.predict_proba(centred / norm) - shares
    ratio = encoded[:, 3:] / departure
    assert_allclose(ratio, ratio[0, 0], rtol=1e-6)


def test_a_task_that_is_certain_has_the_weight_as_mean_norm():
    X = np.repeat(np.eye(3), [50, 30, 20], axis=0)
    tasks = np.repeat([7, 8, 9], [50, 30, 20])
    encoder = TaskEncoder(KNeighborsClassifier(1), weight=0.25).fit(X, tasks)
    norm = np.linalg.norm(X - X.mean(axis=0), axis=1).mean()
    lengths = np.linalg.norm(added(encoder, X), axis=1)
    assert lengths.mean() == pytest.approx(0.25 * norm)


def test_the_scale_of_the_features_does_not_matter(logs):
    X, tasks = logs
    one = added(TaskEncoder().fit(X, tasks), X)
    thousand = added(TaskEncoder().fit(1000 * X + 5, tasks), 1000 * X + 5)
    assert_allclose(thousand, 1000 * one, rtol=1e-4, atol=1e-2)


def test_training_queries_are_encoded_by_classifiers_without_them():
    """Nearest neighbours know the task of every query that they have seen."""
    rng = np.random.default_rng(0)
    X, tasks = rng.normal(size=(300, 5)), rng.integers(2, size=300)
    encoder = TaskEncoder(KNeighborsClassifier(1))
    encoded = encoder.fit_transform(X, tasks)
    told = encoded[:, 5:].argmax(axis=1)
    assert (told == tasks).mean() < 0.6
    assert (added(encoder, X).argmax(axis=1) == tasks).all()


def test_groups_are_held_out_together():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(100, 5)), 2, axis=0)
    tasks = np.repeat(rng.integers(2, size=100), 2)
    groups = np.repeat(np.arange(100), 2)
    encoder = TaskEncoder(KNeighborsClassifier(1))
    copies = encoder.fit_transform(X, tasks)[:, 5:].argmax(axis=1)
    apart = encoder.fit_transform(X, tasks, groups=groups)[:, 5:].argmax(axis=1)
    assert (copies == tasks).mean() > 0.75
    assert (apart == tasks).mean() < 0.65


@pytest.mark.parametrize("unknown", [None, np.nan, pd.NA])
def test_queries_without_a_label_teach_nothing_and_are_encoded(logs, unknown):
    X, tasks = logs
    partly = tasks.astype(object)
    partly[::4] = unknown
    known = np.arange(len(X)) % 4 > 0
    encoder = TaskEncoder()
    encoded = encoder.fit_transform(X, partly)
    alone = TaskEncoder().fit(X[known], tasks[known])
    assert encoder.tasks_.tolist() == ["chart", "ocr", "spatial"]
    assert_allclose(encoder.prior_, alone.prior_)
    assert_array_equal(encoded[~known], encoder.transform(X[~known]))
    same = np.isclose(encoded[known, 3:], added(encoder, X[known])).all(axis=1)
    assert not same.any()


def test_a_task_that_a_fold_lacks_has_probability_0_there(logs):
    X, tasks = logs
    tasks[3] = "rare"
    encoder = TaskEncoder(GaussianNB())
    encoded = encoder.fit_transform(X, tasks)
    rare = encoder.tasks_.tolist().index("rare")
    assert encoded[3, 3 + rare] == encoded[:, 3 + rare].min()
    assert encoder.prior_[rare] == 1 / 400


def test_names_and_containers(logs):
    X, tasks = logs
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    encoder = TaskEncoder().set_output(transform="pandas")
    encoded = encoder.fit_transform(frame, tasks=pd.Series(tasks))
    names = ["a", "b", "c", "task_chart", "task_ocr", "task_spatial"]
    assert encoded.columns.tolist() == names
    single = X.astype(np.float32)
    assert TaskEncoder().fit(single, tasks).transform(single).dtype == np.float32
    whole = (10 * X).astype(int)
    encoder = TaskEncoder().fit(whole, tasks)
    assert_allclose(encoder.transform(whole), encoder.transform(whole.astype(float)))


@pytest.mark.parametrize("call", ["transform", "get_feature_names_out"])
def test_one_that_is_not_fitted_says_so(call):
    with pytest.raises(NotFittedError):
        getattr(TaskEncoder(), call)(np.ones((1, 2)))


def test_identical_queries_get_zeros():
    encoder = TaskEncoder().fit(np.ones((10, 2)), [0, 1] * 5)
    assert_allclose(added(encoder, np.ones((3, 2))), 0, atol=1e-6)


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (Outcomes(np.eye(10), models=range(10)), "target y is outcomes.*taskencoder__"),
        (["a"] * 9, r"tasks has shape \(9,\); expected one label for each of the 10"),
        ([["a"]] * 10, r"tasks has shape \(10, 1\)"),
        (["a"] * 10, r"tasks has 1 class, \['a'\]"),
        ([None] * 10, r"tasks has 0 classes, \[\]"),
        (["a"] * 9 + [np.nan], r"tasks has 1 class, \['a'\]"),
        (["a"] * 9 + ["b"], "All queries of a training fold have the same task"),
    ],
)
def test_bad_labels_are_refused(tasks, message):
    X = np.random.default_rng(0).normal(size=(10, 2))
    with pytest.raises(ValueError, match=message):
        TaskEncoder().fit_transform(X, tasks)


def test_labels_are_texts_or_numbers(logs):
    X, _ = logs
    tasks = np.array(["a", 1] * (len(X) // 2), dtype=object)
    with pytest.raises(TypeError, match=r"tasks are not all of one kind: .*int.*str"):
        TaskEncoder().fit(X, tasks)


@pytest.mark.parametrize(
    "params", [{"weight": 0.0}, {"cv": 1}, {"classifier": "logistic"}], ids=str
)
def test_bad_parameters_are_refused(params, logs):
    with pytest.raises(ValueError, match=next(iter(params))):
        TaskEncoder(**params).fit(*logs)


def test_groups_must_be_complete(logs):
    X, tasks = logs
    with pytest.raises(ValueError, match="groups has no value in row 5"):
        TaskEncoder().fit_transform(X, tasks, groups=[*range(5), None, *range(394)])
    with pytest.raises(ValueError, match="groups has no value in row 1"):
        TaskEncoder().fit_transform(X, tasks, groups=["a", np.nan] * 200)
    with pytest.raises(ValueError, match="groups has 399 entries"):
        TaskEncoder().fit_transform(X, tasks, groups=range(399))


# -- before a router -----------------------------------------------------------------


@pytest.fixture
def subjects():
    """Each model is good at one of four subjects, told by a small part of the text."""
    rng = np.random.default_rng(0)
    subject = rng.integers(4, size=3000)
    X = rng.normal(size=(3000, 60))
    X[:, :4] += 3 * np.eye(4)[subject]
    good = rng.random((3000, 4)) < np.where(np.eye(4)[subject], 0.65, 0.5)
    return X, Outcomes(good.astype(float)), subject


def test_a_router_gains_from_labels_of_its_logs(subjects):
    X, y, subject = subjects
    train, test = slice(500), slice(500, None)
    plain = KernelRouter(random_state=0).fit(X[train], y[train])
    told = make_pipeline(TaskEncoder(), KernelRouter(random_state=0))
    told.fit(X[train], y[train], taskencoder__tasks=subject[train])
    quality = [realised_quality(y[test], r.predict(X[test])) for r in (plain, told)]
    assert quality[1] - quality[0] > 0.02


def test_in_a_search(subjects):
    X, y, subject = (part[:300] for part in subjects)
    search = GridSearchCV(
        make_pipeline(TaskEncoder(), RidgeRouter(alpha=10.0)),
        {"taskencoder__weight": [0.5, 2.0]},
        cv=KFold(3),
    )
    search.fit(X, y, taskencoder__tasks=subject)
    assert search.best_score_ > 0
    router = as_router(search)
    assert router.predict_quality(X).shape == (300, 4)
    assert router.n_features_in_ == 60


def test_compile_refuses_another_classifier(subjects):
    X, y, subject = (part[:300] for part in subjects)
    router = make_pipeline(TaskEncoder(GaussianNB()), RidgeRouter(alpha=10.0))
    router.fit(X, y, taskencoder__tasks=subject)
    with pytest.raises(TypeError, match="LogisticRegression only"):
        as_router(router).compile()

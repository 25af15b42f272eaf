"""Whatever happens to a router in production, in any order, what it promises holds."""

import pickle

import numpy as np
import pandas as pd
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sklearn.preprocessing import StandardScaler

import sklroute
from sklroute import KernelRouter, KNNRouter, Outcomes, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.pipeline import RouterPipeline
from sklroute.policies import UCB, CheapestAbove, MaxUtility

DATA = make_routing(300, 6, n_features=(6, 4), random_state=0)
X = DATA.X[260:]
TRAIN = Outcomes(
    DATA.y.quality[:150, :4], DATA.y.cost[:150, :4], models=DATA.y.models[:4]
)
STEPS = [("scale", StandardScaler()), ("router", RidgeRouter(1.0))]
ROUTERS = [
    pickle.dumps(router.fit(DATA.X[:150], TRAIN))
    for router in (
        RidgeRouter(10.0, policy=MaxUtility(0.02)),
        KernelRouter(20, random_state=0, policy=CheapestAbove(0.5)),
        KNNRouter(16),
        RouterPipeline(STEPS),
    )
]
POLICIES = [None, MaxUtility(), MaxUtility(0.05), UCB(cost_weight=0.02)]
COLUMN = st.integers(0, 5)


class Life(RuleBasedStateMachine):
    """A router whose models are columns of the table, under any name."""

    @initialize(pickled=st.sampled_from(ROUTERS))
    def fit(self, pickled):
        self.router = pickle.loads(pickled)
        self.column = {name: i for i, name in enumerate(TRAIN.models.tolist())}

    def outcomes(self, rows):
        names = self.router.classes_.tolist()
        columns = [self.column[name] for name in names]
        quality, cost = DATA.y.quality[rows, columns], DATA.y.cost[rows, columns]
        return Outcomes(quality, cost, models=names)

    @rule(
        name=st.sampled_from(["a", "model-1b", "z"]), column=COLUMN, known=st.booleans()
    )
    def add_model(self, name, column, known):
        if name in self.router.classes_:
            return
        rows = np.arange(150, 174)[:, None]
        y = self.outcomes(rows) if known else None
        answers = DATA.y.quality[rows[:, 0], column], DATA.y.cost[rows[:, 0], column]
        quality, choice = self.router.predict_quality(X), self.router.predict(X)
        others = self.router.classes_
        added = []
        for _ in range(2):  # having been removed, it is as if it was new
            self.router.add_model(name, DATA.X[rows[:, 0]], *answers, y=y)
            added.append(self.router.predict_quality(X))
            old = np.isin(self.router.classes_, others)
            assert np.array_equal(added[-1][:, old], quality)
            assert (self.router.predict(X, available=old) == choice).all()
            if len(added) < 2:
                self.router.remove_model(name)
        assert np.array_equal(*added)
        self.column[name] = column

    @rule(place=COLUMN)
    def remove_model(self, place):
        names = self.router.classes_
        name = names[place % len(names)]
        if len(names) > 1:
            choice = self.router.predict(X, available=names != name)
            self.router.remove_model(name)
            assert (self.router.predict(X) == choice).all()
            del self.column[name]

    @rule(place=COLUMN, new=st.sampled_from(["b", "model-9"]))
    def rename_model(self, place, new):
        old = self.router.classes_[place % len(self.router.classes_)]
        if new not in self.router.classes_:
            before = self.router.predict_utility(X)
            self.router.rename_model(old, new).rename_model(new, old)
            assert np.array_equal(self.router.predict_utility(X), before)
            self.router.rename_model(old, new)
            self.column[new] = self.column.pop(old)

    @rule(place=COLUMN, cost=st.floats(0, 9))
    def set_costs(self, place, cost):
        name = self.router.classes_[place % len(self.router.classes_)]
        quality = self.router.predict_quality(X)
        self.router.set_costs({name: cost})
        assert (
            self.router.predict_cost(X)[:, self.router.classes_ == name] == cost
        ).all()
        assert np.array_equal(self.router.predict_quality(X), quality)

    @rule(
        cut=st.integers(1, 29),
        called=st.booleans(),
        half_life=st.sampled_from([None, 20]),
    )
    def partial_fit(self, cut, called, half_life):
        y, seen = self.outcomes(np.arange(200, 230)[:, None]), DATA.X[200:230]
        if called:
            only = self.router.predict(seen)[:, None] == self.router.classes_
            y = Outcomes(np.where(only, y.quality, np.nan), models=y.models)
        twice = pickle.loads(pickle.dumps(self.router))
        self.router.partial_fit(seen, y, half_life=half_life)
        for rows in (slice(0, cut), slice(cut, None)):
            twice.partial_fit(seen[rows], y[rows], half_life=half_life)
        found, expected = (r.predict_quality(X) for r in (self.router, twice))
        np.testing.assert_allclose(found, expected, atol=1e-6)

    @rule(seed=st.integers(0, 99), policy=st.sampled_from(POLICIES))
    def choose_among(self, seed, policy):
        names = self.router.classes_
        mask = np.random.RandomState(seed).rand(len(names)) < 0.6
        mask[seed % len(names)] = True
        given = {"available": mask, "policy": policy}
        choice, proba = (
            self.router.predict(X, **given),
            self.router.predict_proba(X, **given),
        )
        assert np.isin(choice, names[mask]).all()
        assert not proba[:, ~mask].any()
        for form in (names[mask], pd.Series(mask, names)[::-1], set(names[mask])):
            given["available"] = form
            assert (self.router.predict(X, **given) == choice).all()
        explained = self.router.explain(X, **given)
        assert (explained.decisions["choice"] == choice).all()
        evidence = explained.evidence.query("kind in ('exact', 'path')")
        total = evidence.groupby("query")["value"].sum()
        margin = explained.decisions["margin"].dropna()
        np.testing.assert_allclose(total.reindex(margin.index), margin, atol=1e-4)

    @rule()
    def travel(self):
        file = "router.sklroute"
        choice, utility = self.router.predict(X), self.router.predict_utility(X)
        assert (self.router.compile().predict(X) == choice).all()
        self.router.save(self.folder / file)
        compiled = sklroute.load(self.folder / file, compiled=True)
        assert (compiled.predict(X) == choice).all()
        self.router = sklroute.load(self.folder / file)
        assert np.array_equal(self.router.predict_utility(X), utility)

    @invariant()
    def columns_are_in_line(self):
        names = self.router.classes_.tolist()
        quality, std = self.router.predict_quality(X, return_std=True)
        assert names == sorted(self.column)
        assert quality.shape == std.shape == (len(X), len(names))
        assert (quality >= 0).all()
        assert (quality <= 1).all()


def test_any_life(tmp_path):
    class Here(Life):
        folder = tmp_path

    few = settings(max_examples=25, stateful_step_count=12, deadline=None)
    run_state_machine_as_test(Here, settings=few)

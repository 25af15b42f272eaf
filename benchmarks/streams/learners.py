"""What is compared: ways to go on routing while answers come in."""

import copy
from time import process_time

import numpy as np
from replay import Replay, Stream, Table

from sklroute import DriftAlarm, KernelRouter, Outcomes
from sklroute.policies import UCB, MaxUtility, Thompson

HALF_LIFE = 1000.0  # chosen on synthetic streams of other seeds: see tune.py
REFIT_EVERY = 2000
WINDOW = 4000  # logged queries that a refit sees, besides the training queries


class Frozen:
    """Never learns."""

    policy = MaxUtility()

    def __init__(self, router: Replay):
        self.router = copy.copy(router)
        self.seconds = 0.0  # spent on learning

    def fork(self):
        """Return another one that knows the same."""
        other = copy.copy(self)
        for name, part in vars(self).items():
            shared = name in ("router", "table", "fit", "log")
            setattr(other, name, (copy.copy if shared else copy.deepcopy)(part))
        return other

    def step(self, rows, quality):
        """Choose for a batch, then see what the choices were worth."""
        choice = self.choose(rows[:, None])
        start = process_time()
        self.learn(rows, choice, quality)
        self.seconds += process_time() - start
        return choice

    def choose(self, X):
        return self._index(self.router.predict(X, policy=self.policy))

    def _index(self, names):
        return np.searchsorted(self.router.classes_, names)

    def learn(self, rows, choice, quality):
        pass


class Masked(Frozen):
    """Never calls a model again once the alarm says that it is worse."""

    def __init__(self, router):
        super().__init__(router)
        self.alarm = DriftAlarm()
        self.available = np.ones(len(router.classes_), dtype=bool)

    def choose(self, X):
        return self._index(self.router.predict(X, available=self.available))

    def learn(self, rows, choice, quality):
        predicted = self.router.predict_quality(rows[:, None])
        self.alarm.update(predicted, called(choice, quality))
        alarms = self.alarm.alarms_
        self.available[alarms["model"][alarms["direction"] == "worse"].tolist()] = False


class Greedy(Frozen):
    """Learns from what was called, with ``partial_fit``, and calls what is best."""

    def __init__(self, router, policy=None, half_life=HALF_LIFE):
        super().__init__(router)
        self.policy = policy or MaxUtility()
        self.half_life = half_life

    def learn(self, rows, choice, quality):
        y = Outcomes(self.seen(choice, quality), models=self.router.classes_)
        self.router.partial_fit(rows[:, None], y, half_life=self.half_life)

    def seen(self, choice, quality):
        return called(choice, quality)


class FullInformation(Greedy):
    """Learns from what every model would have answered."""

    def seen(self, choice, quality):
        return quality


class Refits(Frozen):
    """Fits anew, now and then, on the training queries and a window of the log."""

    def __init__(self, router, table: Table, fit):
        super().__init__(router)
        self.table, self.fit, self.log, self.n_new = table, fit, [], 0

    def learn(self, rows, choice, quality):
        self.log.append((rows, called(choice, quality)))
        self.n_new += len(rows)
        if self.n_new < REFIT_EVERY:
            return
        self.n_new = 0
        self.log = self.log[-(WINDOW // len(rows)) :]
        rows, logged = (np.concatenate(part) for part in zip(*self.log, strict=True))
        X = np.vstack([self.table.X_train, self.table.X[rows]])
        y = self.table.y_train
        y = Outcomes(np.vstack([y.quality, logged]), models=y.models)
        self.router = Replay.of(self.fit(X, y), self.table.X)


def called(choice, quality):
    """Hide what was not called."""
    seen = np.full(quality.shape, np.nan)
    here = np.arange(len(choice)), choice
    seen[here] = quality[here]
    return seen


def make_learners(router, table, seed, fit=None) -> dict[str, Frozen]:
    """Everyone, at the start of a stream."""
    learners = {
        "frozen": Frozen(router),
        "alarm and mask": Masked(router),
        "partial_fit": Greedy(router),
        "UCB": Greedy(router, UCB(width=1.0)),
        "UCB, width 3": Greedy(router, UCB(width=3.0)),
        "Thompson": Greedy(router, Thompson(random_state=np.random.RandomState(seed))),
        "full information": FullInformation(router),
    }
    if fit is not None:
        learners["refits"] = Refits(router, table, fit)
    return learners


def refitter(first: KernelRouter):
    """Fit as the first router was, with the penalties that it found."""

    def fit(X, y):
        return KernelRouter(alphas=first.alphas_, random_state=0).fit(X, y)

    return fit


def realised(learner: Frozen, stream: Stream, size: int):
    """Run a stream through and return what each choice was worth."""
    steps = [learner.step(rows, quality) for rows, quality in stream.batches(size)]
    choice = np.concatenate(steps)
    return stream.quality[np.arange(len(choice)), choice]

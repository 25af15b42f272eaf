"""How often the interval of `value_of` holds the gain that the model then brings.

    python benchmarks/pools/coverage.py

Tables of `make_routing` with 5 models, one of which joins a `KernelRouter` that was
fitted on 1,000 queries with the other four. The gain that is to be held is that of
`add_model` with all scored answers, on 20,000 other queries whose expected quality is
known. Nominal level: 95 %.
"""

import numpy as np
from threadpoolctl import threadpool_limits

from sklroute import KernelRouter, Outcomes
from sklroute.datasets import make_routing

N_TABLES = 300
FIRST = 1000  # seed of the first table; the intervals were made with those below
N_TRAIN, N_REST = 1000, 20_000


def main() -> None:
    """Write ``results/coverage.csv``."""
    from common import write

    lines = []
    for n_scored in (50, 200, 800):
        with threadpool_limits(1):
            parts = [one_table(n_scored, FIRST + i) for i in range(N_TABLES)]
        verdicts, held, right = zip(*parts, strict=True)
        shares = {
            verdict: 100 * np.mean(np.array(verdicts) == verdict)
            for verdict in ("a gain", "a loss")
        }
        lines.append(
            {"scored": n_scored, "tables": N_TABLES, "held": 100 * np.mean(held)}
            | shares
            | {
                "gain is real": 100
                * np.mean(np.array(right)[np.array(verdicts) == "a gain"])
            }
        )
    write(lines, "coverage")


def one_table(n_scored: int, seed: int) -> tuple[str, bool, bool]:
    """Verdict, whether the interval holds the gain, and whether there is one."""
    data = make_routing(N_TRAIN + n_scored + N_REST, n_models=5, random_state=seed)
    new = seed % 5
    kept = np.delete(np.arange(5), new)
    old = Outcomes(data.y.quality[:, kept], models=data.y.models[kept])
    router = KernelRouter(64, alphas=(10.0, 10.0), random_state=0)
    router.fit(data.X[:N_TRAIN], old[:N_TRAIN])
    scored = slice(N_TRAIN, N_TRAIN + n_scored)
    answers = data.X[scored], data.y.quality[scored, new]
    value = router.value_of(*answers, y=old[scored])
    X, truth = data.X[N_TRAIN + n_scored :], data.quality[N_TRAIN + n_scored :]
    rows = np.arange(N_REST)
    now = kept[router.predict_quality(X).argmax(axis=1)]
    router.add_model("~", *answers, y=old[scored])  # sorts last
    then = np.append(kept, new)[router.predict_quality(X).argmax(axis=1)]
    gain = (truth[rows, then] - truth[rows, now]).mean()
    return value.verdict, value.gain.low <= gain <= value.gain.high, gain > 0


if __name__ == "__main__":
    main()

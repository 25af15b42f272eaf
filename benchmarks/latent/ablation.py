"""What each part of the latent router is worth: one part is changed at a time.

    python benchmarks/latent/ablation.py --data FOLDER

``gain`` is the change in points of quality that the part brings (with it, less without
it), ``brier`` the fall in the squared error of the predicted quality, in thousandths.
"""

import numpy as np
from joblib import Parallel, delayed
from study import (
    chosen_quality,
    cross_test,
    gain,
    gap_closed,
    load_tables,
    make_synthetic,
    parse_options,
    write,
)

from sklroute import LatentRouterClassifier
from sklroute.compare._result import named
from sklroute.metrics import Interval, paired_bootstrap, quality_brier

WHOLE = {
    "communication": True,
    "correction_bound": 0.05,
    "token_dim": 16,
    "n_heads": 2,
}
# Part: (parameters with it, parameters without it).
PARTS = {
    "prior": ({}, {"prior": None}),
    "interactions": ({}, {"interactions": False}),
    "capsules (4 or 1)": ({}, {"n_capsules": 1, "token_dim": 32}),
    "ensemble (2 or 1)": ({}, {"n_members": 1}),
    "ensemble (4 or 2)": ({"n_members": 4}, {}),
    "distribution (11 bins)": ({"distribution": "binned"}, {}),
    "clusters (64)": ({}, {"n_clusters": 0}),
    "correction": ({"correction_bound": 0.05}, {}),
    "listwise loss": ({"listwise_weight": 0.25}, {}),
    "communication": (
        {"communication": True, "token_dim": 16, "n_heads": 2},
        {"token_dim": 16},
    ),
    "feedback": (WHOLE, WHOLE | {"feedback": False}),
    "random masking": (WHOLE, WHOLE | {"mask_rate": 0.0}),
}


def main() -> None:
    """Fit all variants and write ``results/ablation.csv``."""
    options = parse_options(__doc__)
    variants = {
        str(parameters): LatentRouterClassifier(**parameters)
        for pair in PARTS.values()
        for parameters in pair
    }
    lines = synthetic(variants, options)
    for name, table in load_tables(options.data):
        tested = cross_test(
            table,
            variants,
            n_seeds=options.seeds,
            n_jobs=options.jobs,
        )
        values = {key: chosen_quality(table, part) for key, part in tested.items()}
        for part, (with_it, without_it) in PARTS.items():
            one, other = str(with_it), str(without_it)
            rows = tested[one].rows
            interval = gain(table, rows, values[one], values[other])
            y = table.y[rows]
            fall = quality_brier(y, tested[other].quality, reduce=None)
            fall = fall - quality_brier(y, tested[one].quality, reduce=None)
            fall = paired_bootstrap(fall, groups=table.groups[rows], random_state=0)
            cost = tested[one].cpu_seconds / tested[other].cpu_seconds
            lines.append(
                {"table": name, "part": part}
                | named("gain", interval)
                | named("brier", Interval(*(1000 * bound for bound in fall)))
                | {"cpu_ratio": cost}
            )
    write(lines, "ablation")


def synthetic(variants, options) -> list[dict]:
    """Points of the gap to the Bayes router, on `make_routing` of 2,000 queries."""
    data = [make_synthetic(2000, seed) for seed in range(options.seeds)]
    results = Parallel(n_jobs=options.jobs)(
        delayed(gap_closed)(data[seed], router, seed)
        for router in variants.values()
        for seed in range(options.seeds)
    )
    closed, seconds = np.moveaxis(
        np.reshape(results, (len(variants), options.seeds, 2)), -1, 0
    )
    number = {name: i for i, name in enumerate(variants)}
    lines = []
    for part, pair in PARTS.items():
        one, other = (number[str(parameters)] for parameters in pair)
        interval = paired_bootstrap(100 * (closed[one] - closed[other]), random_state=0)
        cost = seconds[one].mean() / seconds[other].mean()
        lines.append(
            {"table": "make_routing (share of gap)", "part": part}
            | named("gain", interval)
            | {"cpu_ratio": cost}
        )
    return lines


if __name__ == "__main__":
    main()

"""From pictures and questions to answers: encode, route, call the chosen model only.

Small models learn to answer questions about pictures (easy-VQA), a router learns from
a log of their answers which of them to ask, and then new pictures come in as files.
Half of the pictures are corrupted. What the encoder and the router take is on the bill.

    python benchmarks/end_to_end/route_images.py

It prints the answers and the bill and writes `route-images/index.html`. With
``--encoder efficientnet`` the router sees the features of a pretrained network.
"""

import argparse
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "visual_qa"))  # its pictures, models and costs

import data  # noqa: E402
import pool  # noqa: E402
from costs import matrix_mflops, median_milliseconds  # noqa: E402
from page import write_page  # noqa: E402
from router_encoders import make_encoder  # noqa: E402

from sklroute import LatentRouterClassifier, Outcomes  # noqa: E402
from sklroute.features import MultimodalFeaturizer, TextEmbedder  # noqa: E402
from sklroute.metrics import paired_bootstrap  # noqa: E402
from sklroute.policies import MaxUtility  # noqa: E402

MODELS = ("color-histogram", "edge-histogram", "small-cnn", "day-cnn", "night-cnn")
BEST_AT_A_PRICE = "pretrained-cnn"
TEXT_COMPONENTS = 16
COST_WEIGHT = 1e-3  # quality that an MFLOP must buy: a point for ten
N_TIMED = 50
START = perf_counter()


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--encoder", choices=["cheap", "efficientnet"], default="cheap")
    add("--out", type=Path, default=Path("route-images"))
    add("--pool-images", type=int, default=1500, help="pictures to train the models")
    add("--log-images", type=int, default=900, help="pictures the router learns from")
    add("--new-images", type=int, default=300, help="pictures to route")
    add("--epochs", type=int, help="for every model, instead of its own number")
    add("--shown", type=int, default=24, help="queries on the page")
    add("--cache", type=Path, help="folder to keep features in")
    add("--seed", type=int, default=0)
    return parser.parse_args(arguments)


# -- models and queries --------------------------------------------------------------


def train_models(images, questions, options):
    """Return the candidates by name, trained on clean, tinted and dark pictures."""
    rng = np.random.default_rng(options.seed)
    corrupted, condition = data.corrupt_share(images, 1.0, rng)
    night, _ = data.corrupt_share(images, 1.0, rng, always=("dark",))
    bright = np.flatnonzero(np.char.find(condition, "dark") < 0) + len(images)
    day = np.concatenate([np.arange(len(images)), bright])
    both = np.concatenate([images, corrupted])
    twice = data.repeat(questions, len(images), 2)
    sets = {
        "clean": (images, questions),
        "day": (both[day], data.about(twice, day)),
        "night": (night, questions),
    }
    vocabulary, answers = pool.Vocabulary(questions.text), np.unique(questions.answer)
    models = {}
    for candidate in pool.CANDIDATES:
        if candidate.name in (*MODELS, BEST_AT_A_PRICE):
            models[candidate.name] = pool.train(
                candidate,
                *sets[candidate.learns_from],
                vocabulary,
                answers,
                seed=options.seed,
                epochs=options.epochs,
            )
            say(f"trained {candidate.name}")
    return dict(sorted(models.items()))


def ask(images, questions, folder, options, name):
    """Write half-corrupted pictures to files; return one row a query."""
    rng = np.random.default_rng([options.seed, *name.encode()])
    seen, condition = data.corrupt_share(images, 0.5, rng)
    asked = data.sample_questions(questions, 2, rng)
    paths = [folder / f"{name}-{number:04d}.png" for number in range(len(seen))]
    for path, pixels in zip(paths, seen, strict=True):
        Image.fromarray(pixels).save(path)
    return seen, pd.DataFrame(
        {
            "image": [paths[row] for row in asked.image],
            "text": asked.text,
            "answer": asked.answer,
            "picture": asked.image,
            "condition": condition[asked.image],
        }
    )


def answer(model, images, queries):
    """Let a model answer queries about pictures."""
    if queries.empty:
        return np.array([], dtype=str)
    return model.answer(
        images, queries["text"].tolist(), queries["picture"].to_numpy(copy=True)
    )


def measure_costs(models, images, queries):
    """Return MFLOPs and milliseconds of one query of every model."""
    one = [
        (images[[query.picture]], [query.text], [0])
        for query in queries.head(N_TIMED).itertuples()
    ]
    return pd.DataFrame(
        {
            name: {
                "mflops": matrix_mflops(lambda model=model: model.answer(*one[0]))
                + model.operations / 1e6,
                "ms": median_milliseconds(model.answer, one),
            }
            for name, model in models.items()
        }
    ).T


# -- routing -------------------------------------------------------------------------


def fit_router(models, costs, images, queries, options):
    """Learn from a log: what every model answered to the logged queries."""
    encoder, encoder_mflops = make_encoder(options.encoder)
    featurizer = MultimodalFeaturizer(
        {"image": encoder, "text": TextEmbedder(TEXT_COMPONENTS)}, cache=options.cache
    )
    X = featurizer.fit_transform(queries)
    right = [
        answer(model, images, queries) == queries["answer"] for model in models.values()
    ]
    y = Outcomes(np.stack(right, axis=1), costs["mflops"], models=list(models))
    router = LatentRouterClassifier(
        modalities=featurizer.modalities_,
        policy=MaxUtility(cost_weight=COST_WEIGHT),
        random_state=options.seed,
    ).fit(X, y, groups=queries["picture"])
    say(f"fitted the router on {len(queries)} logged queries")
    return featurizer, router, encoder_mflops, y


def route(featurizer, router, models, images, queries):
    """Choose a model for each query and call that one only."""
    chosen = router.predict(featurizer.transform(queries))
    given = pd.Series("", index=queries.index, dtype=object)
    for name, rows in queries.groupby(chosen).groups.items():
        given[rows] = answer(models[name], images, queries.loc[rows])
    return queries.assign(model=chosen, given=given, right=given == queries["answer"])


def router_mflops(router):
    """Count what network, prior and clusters do for a query, in whatever form they run.

    In NumPy no counter looks: the network is counted in PyTorch's form.
    """
    module, kernel = router.net_.module_, router.prior_
    inputs = {
        "x": torch.zeros(1, router.n_features_in_),
        "present": torch.ones(1, len(router.scaler_.blocks_), dtype=bool),
        "available": torch.ones(1, len(router.classes_), dtype=bool),
        "tokens": module.tokens(module.profile),
    }
    ((means, _),) = router.clusters_.levels_
    sizes = kernel.landmarks_.size, kernel.coef_.size, means.cluster_centers_.size
    return matrix_mflops(lambda: module(**inputs)) + 2 * sum(sizes) / 1e6


def routing_cost(featurizer, router, encoder_mflops, queries):
    """Return what it takes to encode and to route one query."""
    some = queries.head(N_TIMED)
    rows = [some.iloc[[row]] for row in range(len(some))]
    X = [featurizer.transform(row) for row in rows]
    text_mflops = 2 * 2 * 10 * TEXT_COMPONENTS / 1e6  # about ten words, and pairs
    return pd.DataFrame(
        {
            "encoder": {
                "mflops": encoder_mflops + text_mflops,
                "ms": median_milliseconds(featurizer.transform, [(r,) for r in rows]),
            },
            "router": {
                "mflops": router_mflops(router),
                "ms": median_milliseconds(router.predict, [(x,) for x in X]),
            },
        }
    ).T


# -- the bill ------------------------------------------------------------------------


def make_bill(routed, models, costs, overhead, images, log):
    """Return a line for the router and for each way to do without one."""
    right = pd.DataFrame(
        {
            name: answer(model, images, routed) == routed["answer"]
            for name, model in models.items()
        }
    )
    best = log.models[log.quality.mean(axis=0).argmax()]
    cheapest = costs["mflops"].idxmin()
    order = costs["mflops"].sort_values().index
    cheapest_right = right[order].to_numpy().argmax(axis=1)
    policies = {
        "router": (routed["model"].to_numpy(), overhead.sum()),
        f"always {best}": (np.full(len(routed), best), 0.0),
        f"always {cheapest}": (np.full(len(routed), cheapest), 0.0),
        "oracle": (order[cheapest_right].to_numpy(), 0.0),
    }
    column = right.columns.get_indexer
    rows = np.arange(len(routed))
    was_right = {
        name: right.to_numpy()[rows, column(choice)].astype(float)
        for name, (choice, _) in policies.items()
    }
    lines = {}
    for name, (choice, more) in policies.items():
        groups = routed["picture"]
        quality = paired_bootstrap(was_right[name], groups=groups, random_state=0)
        gain = paired_bootstrap(
            was_right[name], was_right[f"always {best}"], groups=groups, random_state=0
        )
        called = costs.loc[choice].mean()
        lines[name] = {
            "right": "{:.1%} [{:.1%}, {:.1%}]".format(*quality),
            "gain, points": "{:+.1f} [{:+.1f}, {:+.1f}]".format(
                *np.multiply(100, gain)
            ),
            "models, MFLOPs": called["mflops"],
            "all, MFLOPs": (called + more)["mflops"],
            "models, ms": called["ms"],
            "all, ms": (called + more)["ms"],
        }
    return pd.DataFrame(lines).T, best


def say(text):
    print(f"{perf_counter() - START:6.1f} s  {text}", flush=True)


def main(arguments=None):
    options = parse_arguments(arguments)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # sums depend on the number of threads
    folder = options.out / "images"
    folder.mkdir(parents=True, exist_ok=True)
    images, questions = data.load_easy_vqa()
    order = np.random.default_rng(options.seed).permutation(len(images))
    ends = np.cumsum([options.pool_images, options.log_images, options.new_images])
    if ends[-1] > len(images):
        raise ValueError(f"{ends[-1]} pictures were asked for, there are {len(images)}")
    parts = {
        name: (images[rows], data.about(questions, rows))
        for name, rows in zip(
            ("pool", "log", "new"), np.split(order[: ends[-1]], ends[:-1]), strict=True
        )
    }
    models = train_models(*parts["pool"], options)
    logged_images, logged = ask(*parts["log"], folder, options, "log")
    new_images, new = ask(*parts["new"], folder, options, "new")
    costs = measure_costs(models, logged_images, logged)
    featurizer, router, encoder_mflops, log = fit_router(
        models, costs, logged_images, logged, options
    )
    routed = route(featurizer, router, models, new_images, new)
    overhead = routing_cost(featurizer, router, encoder_mflops, new)
    bill, best = make_bill(routed, models, costs, overhead, new_images, log)
    routed["best"] = answer(models[best], new_images, routed)

    shown = routed.sample(min(options.shown, len(routed)), random_state=options.seed)
    columns = ["condition", "text", "model", "given", "answer", "right"]
    print(shown[columns].to_string(index=False))
    costs["quality in the log"] = log.quality.mean(axis=0)
    costs["share of new queries"] = routed["model"].value_counts(normalize=True)
    costs = costs.fillna(0.0).sort_values("mflops")
    for table in (costs, overhead, bill):
        print(table.round(3).to_string(), end="\n\n")
    write_page(options.out / "index.html", shown, best, bill, costs, overhead, options)
    say(f"wrote {options.out / 'index.html'}")


if __name__ == "__main__":
    main()

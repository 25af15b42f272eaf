"""A thousand pictures and texts through CLIP, interrupted in the middle and run again.

The pictures are those of easy-VQA, the architecture is ViT-S-32-alt with random weights
(speed and bits do not depend on what the weights know). Three processes: one without a
cache; one with, interrupted like by Ctrl-C as soon as a third of the vectors is there;
one that goes on. The last must compute what is missing only and end in the same bits
as the first. Seconds are of `transform`; of the interrupted process, all it took.

    python benchmarks/features/featurize.py
"""

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
import pandas as pd

RESULTS = Path(__file__).parent / "results" / "featurize.csv"
MODEL = "ViT-S-32-alt"


def read_queries(n_queries):
    """Return a table of picture files and texts, all different."""
    import easy_vqa

    paths = easy_vqa.get_train_image_paths()
    texts, _, images = easy_vqa.get_train_questions()
    first = dict(zip(reversed(images), reversed(texts), strict=True))
    chosen = sorted(paths)[:n_queries]
    return pd.DataFrame(
        {
            "image": [paths[i] for i in chosen],
            "text": [f"Picture {i}. {first[i]}" for i in chosen],
        }
    )


def write_checkpoint(path):
    """Write random weights of the architecture."""
    import torch

    from sklroute.features._clip_model import import_open_clip

    torch.manual_seed(0)
    torch.save(import_open_clip().create_model(MODEL).state_dict(), path)


def encode(options):
    """Encode all queries and write them to a file."""
    from sklroute.features import ClipFeaturizer

    featurizer = ClipFeaturizer(
        MODEL, options.checkpoint, cache=options.cache, progress=True, device="cpu"
    )
    queries = read_queries(options.queries)
    featurizer.fit(queries)
    start = perf_counter()
    np.save(options.out, featurizer.transform(queries))
    print(f"seconds {perf_counter() - start:.1f}")


def run(folder, name, n_queries, *, cache=None, stop_at=None):
    """Run a process that encodes; interrupt it when that many vectors are stored."""
    command = [sys.executable, __file__, "--queries", str(n_queries)]
    command += ["--checkpoint", folder / "weights.pt", "--out", folder / f"{name}.npy"]
    command += [] if cache is None else ["--cache", cache]
    start = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while stop_at is not None and process.poll() is None:
        if n_stored(cache) >= stop_at:
            process.send_signal(signal.SIGINT)
            break
        sleep(0.05)
    output, _ = process.communicate()
    seconds = output.partition("seconds ")[2].strip() or perf_counter() - start
    return {
        "run": name,
        "seconds": float(seconds),
        "stored after": n_stored(cache),
        "exit": process.returncode,
    }


def n_stored(cache):
    """Count the vectors in the cache."""
    path = Path(cache or "") / "features.sqlite"
    if cache is None or not path.exists():
        return 0
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        table = "SELECT count(*) FROM sqlite_master WHERE name = 'features'"
        if not connection.execute(table).fetchone()[0]:
            return 0
        return connection.execute("SELECT count(*) FROM features").fetchone()[0]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--results", type=Path, default=RESULTS)
    for name in ("--checkpoint", "--out", "--cache"):  # of the processes started here
        parser.add_argument(name, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.checkpoint:
        encode(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        folder, n = Path(folder), options.queries
        write_checkpoint(folder / "weights.pt")
        cache = folder / "cache"
        lines = [
            run(folder, "no cache", n),
            run(folder, "interrupted", n, cache=cache, stop_at=2 * n // 3),
            run(folder, "run again", n, cache=cache),
            run(folder, "all cached", n, cache=cache),
        ]
        first = np.load(folder / "no cache.npy")
        for line in lines:
            path = folder / f"{line['run']}.npy"
            line["same bits"] = path.exists() and np.array_equal(first, np.load(path))
        lines[1]["same bits"] = None
    table = pd.DataFrame(lines)
    table["computed"] = table["stored after"].diff().fillna(0).astype(int)
    table.loc[0, "computed"] = 2 * n
    table.insert(1, "cores", os.cpu_count())
    options.results.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.results, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()

"""Run ``sklroute audit`` on real routing tables and collect the verdicts.

    python benchmarks/audit/verdicts.py --data FOLDER            # the default router
    python benchmarks/audit/verdicts.py --data FOLDER --router latent

FOLDER holds <name>.parquet and <name>.features.npz of the tables in `RUNS`; a table
that is not there is skipped, which is said. Without --data the environment variable
SKLROUTE_DATA is used. Writes verdicts_<router>.csv beside this file: one row per run,
with the command that makes it.
"""

import argparse
import os
import shlex
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from sklroute.cli import main as sklroute

HERE = Path(__file__).parent
# Each table at cost weight 0, and at one where the best single model's mean cost
# counts about a tenth of the quality scale.
RUNS = [
    ("mllm10", 0.0),
    ("mllm10", 15.0),
    ("routerbench", 0.0),
    ("routerbench", 20.0),
    ("mmlu_pro", 0.0),
    ("mmlu_pro", 45.0),
]
COLUMNS = [
    "verdict",
    "n_queries",
    "n_units",
    "quality",
    "baseline_quality",
    "utility_gain",
    "adjusted_low",
    "adjusted_high",
    "unseen",
    "stand_in_gain",
    "hidden_loss",
    "p_adjusted",
    "smallest_effect",
    "n_more",
    "cost",
    "baseline_cost",
    "shuffled_gain",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SKLROUTE_DATA"))
    parser.add_argument("--router", default="average")
    parser.add_argument("--tables", default=",".join(dict(RUNS)))
    options = parser.parse_args()
    if options.data is None:
        parser.error("give --data FOLDER or set SKLROUTE_DATA")
    rows = []
    for name, weight in RUNS:
        if name not in options.tables.split(","):
            continue
        if not (options.data / f"{name}.parquet").exists():
            print(f"Skipped {name}: {options.data} has no {name}.parquet.")
            continue
        rows.append(run(options.data, name, weight, options.router))
        table = pd.DataFrame(rows)
        path = HERE / f"verdicts_{options.router}.csv"
        table.to_csv(path, index=False, float_format="%.5g")


def run(data: Path, name: str, weight: float, router: str) -> dict:
    command = [
        *("audit", f"{name}.parquet", "--features", f"{name}.features.npz"),
        *("--groups", "cv_group", "--task", "group"),
        *("--router", router, "--cost-weight", f"{weight:g}"),
    ]
    print(f"sklroute {shlex.join(command)}", flush=True)
    located = [
        str(data / part) if part.startswith(f"{name}.") else part for part in command
    ]
    with TemporaryDirectory() as out:
        if sklroute([*located, "--out", out, "--jobs", "1"]) != 0:
            raise SystemExit(f"The audit of {name} failed.")
        found = pd.read_csv(Path(out) / "results.csv").iloc[0]
    return {
        "table": name,
        "cost_weight": weight,
        **found[COLUMNS].to_dict(),
        "command": f"sklroute {shlex.join(command)}",
    }


if __name__ == "__main__":
    main()

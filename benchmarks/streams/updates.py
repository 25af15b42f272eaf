"""How many answers a second are learnt from, given what the router predicts.

    python benchmarks/streams/updates.py

writes ``updates.csv`` beside this file: answers a second of CPU time on one thread.
"belief": one model's profile, `sklroute.pool.Belief.learn`. "partial_fit": the whole
method with its checks, of a pool of 8, one answer a query, the predictions and the
features of the basis looked up. "alarm": `sklroute.DriftAlarm.update`.
"""

from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
from learners import called
from replay import Replay, load_table

from sklroute import DriftAlarm, KernelRouter, Outcomes

N_ANSWERS = 4000


def main():
    table = load_table("synthetic", 0, None)
    router = KernelRouter(random_state=0).fit(table.X_train, table.y_train)
    replay = Replay.of(router, table.X)
    rows = np.arange(N_ANSWERS)
    features = replay.pool_.basis(rows[:, None], replay.stored_)
    choice = replay.stored_[rows].argmax(axis=1)
    quality = called(choice, table.y.quality[rows])
    departure = table.y.quality[rows, 0] - replay.stored_[rows, 0]
    lines = []
    for size in (1, 10, 100):
        parts = [slice(i, i + size) for i in range(0, N_ANSWERS, size)]
        belief = replay._prior_beliefs()[0]
        start = process_time()
        for part in parts:
            weight = np.ones(size)
            belief = belief.learn(features[part], departure[part], weight, 0.99)
        lines.append(("belief", size, process_time() - start))
        for half_life in (None, 1000.0):
            replay = Replay.of(router, table.X)
            start = process_time()
            for part in parts:
                y = Outcomes(quality[part], models=replay.classes_)
                replay.partial_fit(rows[part, None], y, half_life=half_life)
            what = "partial_fit" + ("" if half_life is None else ", half_life")
            lines.append((what, size, process_time() - start))
        alarm = DriftAlarm()
        start = process_time()
        for part in parts:
            alarm.update(replay.stored_[rows[part]], quality[part])
        lines.append(("alarm", size, process_time() - start))
    frame = pd.DataFrame(lines, columns=["what", "batch", "seconds"])
    frame["answers_per_second"] = (N_ANSWERS / frame.pop("seconds")).round(-1)
    frame["basis_features"] = features.shape[1]
    frame.to_csv(Path(__file__).with_name("updates.csv"), index=False)
    print(frame.to_string(index=False))


if __name__ == "__main__":
    main()

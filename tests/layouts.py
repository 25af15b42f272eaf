"""Small trees of files in the layouts of the public benchmarks.

The content is synthetic: a table of `make_routing`, whose first models are the cheap
ones, with names, folders and traps as the benchmarks have them.
"""

import base64
import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd

from sklroute.datasets import make_routing

MMR_PREFIXES = ("MathVerse", "MMStar", "OCRBench", "SEEDBench2_Plus")
VL_DATASETS = ("MMStar", "MathVista_MINI", "OCRBench")
VL_MODELS = ("GPT4o", "Janus-Pro-1B", "SmolVLM2")
PICTURE = b"\x89PNG a picture of nothing in particular, long enough to be no index"


def routing(n_queries=150, n_tasks=3):
    """Synthetic outcomes, in the order of the models' names."""
    return make_routing(
        n_queries, 3, n_features=(8, 6), n_tasks=n_tasks, random_state=0
    )


def wide_table(data):
    """A table of `make_routing` as the command line reads it, a row per query."""
    parts = {"query_id": np.arange(len(data.y)), "task": data.task}
    parts["prompt"] = [f"solve task{task} please" for task in data.task]
    for column, model in enumerate(data.models):
        parts[f"q:{model}"] = data.y.quality[:, column]
        parts[f"cost:{model}"] = data.y.cost[:, column]
    return pd.DataFrame(parts)


def write_own_table(data):
    """Write that table, with pairs of queries, and the features, where we are."""
    table = wide_table(data).assign(pair=np.arange(len(data.y)) // 2)
    table.to_csv("wide.csv", index=False)
    np.save("x.npy", data.X)


def texts(task):
    return [f"solve task {t} with word{t} please, case {i}" for i, t in enumerate(task)]


def mmr_frame(n_queries=150):
    """The table of MMR-Bench, with a model that was merged later, without costs."""
    data = routing(n_queries, n_tasks=len(MMR_PREFIXES))
    ids = [f"{MMR_PREFIXES[t]}_{i}" for i, t in enumerate(data.task)]
    frame = {"dataset_idx": ids, "question": texts(data.task), "answer": "42"}
    for column, model in enumerate(["small", "mid", "big"]):
        right = data.y.quality[:, column].astype(int)
        frame[f"{model}_prediction"] = "41"
        frame[f"{model}_correct"] = right if column else right.astype(bool)
        frame[f"{model}_token"] = 7
        frame[f"{model}_cost"] = data.y.cost[:, column]
    frame["merged_correct"], frame["merged_cost"] = 1, 0.0
    frame["unpriced_correct"] = 1  # a score without a cost makes no model
    frame = pd.DataFrame(frame)
    frame["mid_correct"] = frame["mid_correct"].astype(object)
    frame.loc[3, "mid_correct"] = None
    return frame


def write_mmr_bench(root, frame=None, name="MMR_Bench.csv"):
    root = Path(root)
    frame = mmr_frame() if frame is None else frame
    root.mkdir(parents=True, exist_ok=True)
    frame.to_csv(root / name, index=False)
    for folder, kind in (("MathVerse", "png"), ("SEEDBenchv2Plus", "jpg")):
        (root / folder).mkdir()
        for i in range(len(frame)):
            (root / folder / f"{i}.{kind}").touch()
    return root


def write_routerbench(path, n_queries=150):
    path, data = Path(path), routing(n_queries)
    frame = {
        "sample_id": [f"task{t}.{i}" for i, t in enumerate(data.task)],
        "prompt": texts(data.task),
        "eval_name": [f"task{t}" for t in data.task],
    }
    for column, model in enumerate(["yi/34b", "mid", "gpt-4"]):
        frame[model] = data.y.quality[:, column]
        frame[f"{model}|model_response"] = "well"
        frame[f"{model}|total_cost"] = data.y.cost[:, column]
    frame["oracle_model_to_route_to"] = "mid"
    frame = pd.DataFrame(frame)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False)
    return frame


def write_lines(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def write_pickle(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content))


def write_prepared(root, *, n_queries=150, embeddings=True, prompts=True):
    """The prepared layout; no two files have their rows or models in the same order.

    Returns the outcomes by sample_id: a frame of quality and one of cost.
    """
    root, data = Path(root), routing(n_queries)
    rng = np.random.default_rng(1)
    ids = np.array([f"{VL_DATASETS[t]}/{i}" for i, t in enumerate(data.task)])
    models = ["Janus-Pro-1B", "SmolVLM2", "GPT4o"]  # cheapest first, as the data
    quality = pd.DataFrame(data.y.quality, ids, models)
    cost = pd.DataFrame(data.y.cost * 1e-5, ids, models)
    quality.iloc[4, 1] = np.nan
    cost.iloc[5, 2] = np.nan
    matrices, registry = root / "data" / "matrices", root / "data" / "registry"
    matrices.mkdir(parents=True)
    registry.mkdir()
    meta_order, cost_order = rng.permutation(ids), rng.permutation(ids)
    y_models, c_models = models[::-1], models[1:] + models[:1]
    meta = pd.DataFrame({"sample_id": meta_order, "task": "vqa"})
    meta["dataset"] = [name.split("/")[0] for name in meta_order]
    meta.to_parquet(registry / "meta.parquet")
    table = quality.loc[meta_order, y_models].fillna(-1).to_numpy().astype(np.int8)
    np.savez(matrices / "Y.npz", Y=table)
    np.save(
        matrices / "C.npy",
        cost.loc[cost_order, c_models].fillna(0).to_numpy().astype(np.float32),
    )
    np.savez(matrices / "C.npz", C=np.ones_like(table, dtype=float))  # placeholders
    write_pickle(matrices / "sample_ids.pkl", cost_order.tolist())
    write_pickle(matrices / "model_names.pkl", c_models)
    write_pickle(registry / "model_index.pkl", y_models)
    means = cost.mean()
    bounds = {"cmin": means.min(), "cmax": means.max(), "n_models": 3}
    (matrices / "cost_bounds.json").write_text(json.dumps(bounds))
    _write_splits(root, rng.permutation(ids))
    if prompts:
        _write_samples(root, ids, texts(data.task), rng)
    if embeddings:
        for modality, block in data.modalities.items():
            folder = "vision" if modality == "image" else "text"
            rows = rng.permutation(n_queries)
            frame = pd.DataFrame({"sample_id": ids[rows]})
            frame["embedding"] = list(data.X[rows][:, block])
            path = root / "EMBEDDINGS" / folder / "encoder.parquet"
            path.parent.mkdir(parents=True)
            frame.to_parquet(path)
    return quality, cost


def _write_splits(root, order):
    ends = [int(0.7 * len(order)), int(0.8 * len(order))]
    for name, part in zip(("train", "dev", "test"), np.split(order, ends), strict=True):
        write_lines(root / "SPLITS" / f"{name}.jsonl", [{"sample_id": i} for i in part])


def _write_samples(root, ids, prompts, rng):
    records = {}
    for i in rng.permutation(len(ids)):
        dataset = ids[i].split("/")[0]
        assets = [{"type": "image", "uri": f"images/{i}.png"}] if i % 2 else []
        record = {"sample_id": ids[i], "dataset": dataset, "prompt": prompts[i]}
        records.setdefault(dataset, []).append({**record, "assets": assets})
    for dataset, part in records.items():
        path = root / "BENCHMARKS" / "vqa" / f"{dataset.lower()}_samples.jsonl"
        write_lines(path, part)


def raw_books(n_queries=150):
    """Workbooks of the raw layout by path below the evaluation folder."""
    data = routing(n_queries)
    prompts, books = np.array(texts(data.task)), {}
    scores = dict(zip(VL_MODELS, ("hit", "score", "is_correct"), strict=True))
    place = {"Janus-Pro-1B": 0, "SmolVLM2": 1, "GPT4o": 2}
    for model in VL_MODELS:
        for task, dataset in enumerate(VL_DATASETS):
            rows = np.flatnonzero(data.task == task)
            right = data.y.quality[rows, place[model]].astype(int)
            book = {"index": rows, "question": prompts[rows], "prediction": "it is 42"}
            book = pd.DataFrame(book).assign(**{scores[model]: right})
            books[f"{model}/{model}_{dataset}_result.xlsx"] = book
    return books


def write_raw(root, books=None):
    root = Path(root)
    for name, book in (raw_books() if books is None else books).items():
        path = root / "vlm_router_data" / "VLMEvalKit_evaluation" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        book.to_excel(path, index=False)
    pictures = pd.DataFrame({"index": [0, 1, 2, 3]})
    pictures["image"] = [base64.b64encode(PICTURE).decode(), "0", "3", "2"]
    path = root / "vlm_router_data" / "TSV_images" / "MMStar.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures.to_csv(path, sep="\t", index=False)
    return root

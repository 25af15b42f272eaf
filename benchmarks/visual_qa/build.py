"""Build the bundled routing table from easy-VQA.

Train the candidate models on one part of the pictures, let all of them answer
questions about the rest, half of it corrupted, and store who was right, what
each answer cost, and the features a router may look at. A few of the pictures are
stored beside the table, in ``visual_qa_pictures.npz``, to be shown.

    python benchmarks/visual_qa/build.py --out sklroute/datasets/data/visual_qa.npz
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
import pool
import torch
from costs import matrix_mflops, median_milliseconds
from data import (
    TASKS,
    about,
    corrupt_share,
    load_easy_vqa,
    repeat,
    sample_questions,
    split_images,
    task_of,
)
from encoders import TEXT_ENCODERS, pretrained_features
from sklearn.decomposition import PCA


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--out", type=Path, required=True, help="the .npz file to write")
    add("--pool-images", type=int, default=3000, help="pictures to train the models")
    add("--routing-images", type=int, default=2000, help="pictures of the table")
    add("--questions", type=int, default=3, help="questions a picture, 1 to 4")
    add("--corrupted", type=float, default=0.5, help="share of corrupted pictures")
    add("--epochs", type=int, help="for every model, instead of its own number")
    add("--text-encoder", choices=sorted(TEXT_ENCODERS), default="minilm")
    add("--image-dimensions", type=int, default=256, help="image features to keep")
    add("--shown", type=int, default=24, help="pictures to store, to be shown")
    add("--timed", type=int, default=200, help="queries to time every model on")
    add("--threads", type=int, default=2, help="results may depend on it")
    add("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def training_sets(images, questions, rng):
    """Return the pictures and questions to learn from, by name.

    Candidates learn from "clean", "day" and "night", the projection of image
    features from "both": the clean pictures and a corrupted version of each.
    """
    corrupted, condition = corrupt_share(images, 1.0, rng)
    night, _ = corrupt_share(images, 1.0, rng, always=("dark",))
    both = np.concatenate([images, corrupted])
    asked_twice = repeat(questions, len(images), 2)
    dark = np.char.find(condition, "dark") >= 0
    day = np.flatnonzero(np.concatenate([np.full(len(images), True), ~dark]))
    return {
        "clean": (images, questions),
        "both": (both, asked_twice),
        "day": (both[day], about(asked_twice, day)),
        "night": (night, questions),
    }


def train_pool(sets, *, seed, epochs):
    """Train all candidates, telling how long each took."""
    questions = sets["clean"][1]
    vocabulary = pool.Vocabulary(questions.text)
    answers = np.unique(questions.answer)
    models = []
    for candidate in pool.CANDIDATES:
        start = perf_counter()
        models.append(
            pool.train(
                candidate,
                *sets[candidate.learns_from],
                vocabulary,
                answers,
                seed=seed,
                epochs=epochs,
            )
        )
        print(f"trained {candidate.name:16} {perf_counter() - start:6.1f} s")
    return models


def outcomes_and_costs(models, images, questions, n_timed):
    """Let every model answer every question; return correctness and costs."""
    timed = [
        (images[[q.image]], [q.text], [0])
        for q in (questions[row] for row in range(min(n_timed, len(questions))))
    ]
    quality, mflops, ms = [], [], []
    for model in models:
        answers = model.answer(images, questions.text, questions.image)
        quality.append(answers == questions.answer)
        products = matrix_mflops(lambda model=model: model.answer(*timed[0]))
        mflops.append(products + model.operations / 1e6)
        ms.append(median_milliseconds(model.answer, timed))
        print(
            f"{model.name:16} quality {quality[-1].mean():.3f}"
            f"  {mflops[-1]:9.4f} MFLOPs  {ms[-1]:7.3f} ms"
        )
    return {
        "models": np.array([model.name for model in models]),
        "quality": np.stack(quality, axis=1).astype(np.uint8),
        "cost_mflops": np.array(mflops, dtype=np.float32),
        "cost_ms": np.array(ms, dtype=np.float32),
    }


def image_features(images, pool_images, n_dimensions, n_timed):
    """Encode pictures; the projection is learnt from the pool's pictures."""
    pca = PCA(n_dimensions, random_state=0).fit(pretrained_features(pool_images))

    def encode(rows):
        return pca.transform(pretrained_features(rows))

    projection = 2 * pca.n_features_in_ * n_dimensions / 1e6
    one = [(images[row : row + 1],) for row in range(min(n_timed, len(images)))]
    return {
        "image_features": encode(images).astype(np.float16),
        "image_encoder_mflops": matrix_mflops(lambda: encode(*one[0])) + projection,
        "image_encoder_ms": median_milliseconds(encode, one),
    }


def text_features(questions, encoder):
    """Encode the distinct questions."""
    one = [([text],) for text in questions]
    mflops = [
        matrix_mflops(lambda text=text: encoder.transform([text]))
        + encoder.operations(text) / 1e6
        for text in questions
    ]
    ms = median_milliseconds(encoder.transform, one)
    return {
        "text_features": encoder.transform(questions).astype(np.float16),
        "text_encoder_mflops": np.array(mflops, dtype=np.float32),
        "text_encoder_ms": np.full(len(questions), ms, dtype=np.float32),
    }


def pictures_to_show(images, n_shown):
    """Return some pictures, drawn at random, and their rows."""
    drawn = np.random.default_rng(0).choice(len(images), n_shown, replace=False)
    rows = np.sort(drawn)
    return {"picture": rows.astype(np.int16), "pixels": images[rows]}


def build(options):
    """Return the arrays of the table, and those of the pictures to show."""
    rng = np.random.default_rng(options.seed)
    images, questions = load_easy_vqa()
    pool_rows, routing_rows = split_images(
        len(images), options.pool_images, options.routing_images, rng
    )
    sets = training_sets(images[pool_rows], about(questions, pool_rows), rng)
    asked = sample_questions(about(questions, routing_rows), options.questions, rng)
    seen, condition = corrupt_share(images[routing_rows], options.corrupted, rng)

    models = train_pool(sets, seed=options.seed, epochs=options.epochs)
    distinct, question = np.unique(asked.text, return_inverse=True)
    encoder = TEXT_ENCODERS[options.text_encoder]().fit(sets["clean"][1].text)
    task = np.array([TASKS.index(task_of(text)) for text in distinct])
    table = {
        **outcomes_and_costs(models, seen, asked, options.timed),
        **image_features(
            seen, sets["both"][0], options.image_dimensions, options.timed
        ),
        **text_features(distinct, encoder),
        "image": asked.image.astype(np.int16),
        "image_id": routing_rows.astype(np.int16),
        "condition": condition,
        "question": question.astype(np.uint8),
        "question_text": distinct,
        "question_task": task.astype(np.uint8),
        "tasks": np.array(TASKS),
    }
    return table, pictures_to_show(seen, options.shown)


def main(arguments=None):
    options = parse_arguments(arguments)
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    start = perf_counter()
    table, pictures = build(options)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(options.out, allow_pickle=False, **table)
    beside = options.out.with_name(f"{options.out.stem}_pictures.npz")
    np.savez_compressed(beside, allow_pickle=False, **pictures)
    size = options.out.stat().st_size / 1e6
    print(
        f"{len(table['quality'])} queries about {len(table['image_id'])} pictures, "
        f"{size:.2f} MB, {perf_counter() - start:.0f} s: {options.out}"
    )


if __name__ == "__main__":
    main()

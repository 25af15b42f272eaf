"""Pictures and questions of easy-VQA: split by picture, corruption, sampling."""

import re
from dataclasses import dataclass

import easy_vqa
import numpy as np
from PIL import Image

TASKS = ("color", "has-color", "has-shape", "shape")
SHAPES = ("circle", "rectangle", "triangle")
CORRUPTIONS = ("tint", "dark", "noise")
WEAKEST_TINT = 0.35
DARKNESS = 0.35
NOISE_SD = 45.0


@dataclass(frozen=True)
class Questions:
    """Questions about pictures, one entry a question.

    Parameters
    ----------
    text : ndarray of str
    answer : ndarray of str
    image : ndarray of int
        Row of the picture in the array of pictures that goes with them.
    """

    text: np.ndarray
    answer: np.ndarray
    image: np.ndarray

    def __getitem__(self, rows):
        return Questions(self.text[rows], self.answer[rows], self.image[rows])

    def __len__(self):
        return len(self.text)


def load_easy_vqa():
    """Return all pictures (n, 64, 64, 3) as uint8 and all questions.

    The package's test pictures follow its training pictures.
    """
    train = easy_vqa.get_train_image_paths()
    test = easy_vqa.get_test_image_paths()
    paths = [*map(train.get, sorted(train)), *map(test.get, sorted(test))]
    images = np.stack([np.asarray(Image.open(p).convert("RGB")) for p in paths])
    text, answer, image = map(np.asarray, easy_vqa.get_train_questions())
    more_text, more_answer, more_image = map(np.asarray, easy_vqa.get_test_questions())
    questions = Questions(
        np.concatenate([text, more_text]),
        np.concatenate([answer, more_answer]),
        np.concatenate([image, more_image + len(train)]),
    )
    return images, questions


def split_images(n_images, n_pool, n_routing, rng):
    """Draw two disjoint sets of pictures: the pool's and the router's."""
    if n_pool + n_routing > n_images:
        raise ValueError(
            f"{n_pool} + {n_routing} pictures were asked for, there are {n_images}"
        )
    order = rng.permutation(n_images)
    return order[:n_pool], order[n_pool : n_pool + n_routing]


def repeat(questions, n_images, times):
    """Ask the same questions about further versions of the same pictures."""
    return Questions(
        np.tile(questions.text, times),
        np.tile(questions.answer, times),
        np.concatenate([questions.image + n_images * i for i in range(times)]),
    )


def about(questions, images):
    """Return the questions about some pictures, counted from 0 in their order."""
    position = np.full(max(questions.image.max(), images.max()) + 1, -1)
    position[images] = np.arange(len(images))
    rows = np.flatnonzero(position[questions.image] >= 0)
    rows = rows[np.argsort(position[questions.image[rows]], kind="stable")]
    chosen = questions[rows]
    return Questions(chosen.text, chosen.answer, position[chosen.image])


def words(text):
    """Split a question into lower-case words."""
    return re.findall(r"[a-z]+", text.lower())


def task_of(text):
    """Name what a question asks for, from its words alone."""
    tokens = words(text)
    names_shape = any(shape in tokens for shape in SHAPES)
    if tokens[0] != "what":
        return "has-shape" if names_shape else "has-color"
    return "color" if "color" in tokens else "shape"


def sample_questions(questions, per_image, rng):
    """Keep a few questions of every picture, each of another task."""
    task = np.array([task_of(text) for text in questions.text])
    chosen = []
    for image in np.unique(questions.image):
        rows = rng.permutation(np.flatnonzero(questions.image == image))
        _, first = np.unique(task[rows], return_index=True)
        chosen.extend(rng.permutation(rows[first])[:per_image])
    return questions[np.array(chosen)]


def corrupt(image, kinds, rng):
    """Put a picture under colored light, in the dark, or before a noisy sensor."""
    pixels = image.astype(float)
    if "tint" in kinds:
        gains = rng.uniform(WEAKEST_TINT, 1.0, size=3)
        pixels = pixels * gains / gains.max()
    if "dark" in kinds:
        pixels = pixels * DARKNESS
    if "noise" in kinds:
        pixels = pixels + rng.normal(0.0, NOISE_SD, size=pixels.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def draw_condition(rng, always=()):
    """Draw a non-empty subset of the corruptions that holds some of them.

    All such subsets are equally likely.
    """
    while True:
        drawn = rng.random(len(CORRUPTIONS)) < 0.5
        condition = tuple(
            c for c, d in zip(CORRUPTIONS, drawn, strict=True) if d or c in always
        )
        if condition:
            return condition


def corrupt_share(images, share, rng, always=()):
    """Corrupt a share of the pictures; return them and each one's condition."""
    conditions = [() for _ in images]
    for row in rng.permutation(len(images))[: round(share * len(images))]:
        conditions[row] = draw_condition(rng, always)
    seen = [corrupt(i, c, rng) for i, c in zip(images, conditions, strict=True)]
    return np.stack(seen), np.array(["+".join(c) or "clean" for c in conditions])

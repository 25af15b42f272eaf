"""The bundled table: eight small models asked about pictures."""

from importlib.resources import files

import numpy as np
from sklearn.utils import Bunch

from sklroute.datasets._files import block_columns
from sklroute.outcomes import Outcomes

COSTS = ("mflops", "ms")
DATA = files("sklroute.datasets") / "data"


def load_visual_qa(*, cost: str = "mflops", return_X_y: bool = False):
    """Load a real multimodal routing table: eight models asked about pictures.

    Eight small models, from one that never looks to a pretrained network, were
    trained on one part of the pictures of easy-VQA and asked about the rest. Half of
    those were corrupted: colored light, darkness, a noisy sensor. Which model is right
    depends on the question and on what is in the picture.

    =================  ===========================================
    Queries                                                   5817
    Models                                                       8
    Pictures (groups)                                         2000
    Features           256 of the picture, 384 of the question
    Quality            0 or 1, all observed
    =================  ===========================================

    Parameters
    ----------
    cost : {"mflops", "ms"}, default="mflops"
        Unit of the costs: millions of arithmetic operations, which anyone can
        recount, or milliseconds on one CPU thread, measured once.
    return_X_y : bool, default=False
        Return ``(X, y)`` only.

    Returns
    -------
    data : Bunch
        With the entries

        X : ndarray of shape (n_queries, n_features)
            Embedding of the picture, then of the question, float32.
        y : Outcomes of shape (n_queries, n_models, 3)
            Correctness and cost of every model's answer.
        groups : ndarray of shape (n_queries,)
            Picture of each query. Queries with the same picture belong into the
            same fold.
        task : ndarray of shape (n_queries,)
            What is asked for: "color", "shape", and, answered by yes or no,
            "has-color" and "has-shape".
        condition : ndarray of shape (n_queries,)
            How the picture was taken: "clean", or which of "tint", "dark" and
            "noise" joined by "+". For reports; a router has only ``X``.
        question : ndarray of shape (n_queries,)
            The question's text.
        pictures : dict of int to ndarray of shape (64, 64, 3)
            24 of the pictures, by their number in ``groups``, as uint8: to be shown.
        modalities : dict of str to slice
            Columns of ``X`` by modality, "image" and "text".
        feature_names : ndarray of shape (n_features,)
            Names of the columns of ``X``.
        encoder_cost : ndarray of shape (n_queries,)
            Cost of computing the features of a query, in the unit of ``cost``.
        encoder_cost_by_modality : dict of str to ndarray of shape (n_queries,)
            Its parts, "image" and "text".
        DESCR : str
            Where the table comes from, and how good each model is.
        license : str
            Licence of the pictures and questions.
    (X, y) : tuple
        If ``return_X_y`` is True.

    Raises
    ------
    ValueError
        If ``cost`` is no unit of the table.

    See Also
    --------
    make_routing : Draw a synthetic table whose best router is known.

    Examples
    --------
    >>> from sklroute.datasets import load_visual_qa
    >>> data = load_visual_qa()
    >>> data.X.shape, data.y.shape
    ((5817, 640), (5817, 8, 3))
    >>> print(data.question[0], data.task[0], data.condition[0])
    what is the color of the shape? color tint+dark+noise
    >>> print(data.y.best_model(cost_weight=0.001)[0])
    night-cnn
    """
    if cost not in COSTS:
        raise ValueError(f"cost must be one of {list(COSTS)}, got {cost!r}.")
    table, shown = _read("visual_qa.npz"), _read("visual_qa_pictures.npz")
    image, question = table["image"], table["question"]
    blocks = {
        "image": table["image_features"][image],
        "text": table["text_features"][question],
    }
    X = np.hstack(list(blocks.values()), dtype=np.float32)
    y = Outcomes(table["quality"], table[f"cost_{cost}"], models=table["models"])
    if return_X_y:
        return X, y
    encoder_cost = {
        "image": np.full(len(X), table[f"image_encoder_{cost}"]),
        "text": table[f"text_encoder_{cost}"][question],
    }
    return Bunch(
        X=X,
        y=y,
        groups=image,
        task=table["tasks"][table["question_task"][question]],
        condition=table["condition"][image],
        question=table["question_text"][question],
        pictures=dict(zip(shown["picture"].tolist(), shown["pixels"], strict=True)),
        modalities=block_columns(blocks),
        feature_names=_names(blocks),
        encoder_cost=sum(encoder_cost.values()),
        encoder_cost_by_modality=encoder_cost,
        DESCR=(DATA / "visual_qa.rst").read_text(encoding="utf-8"),
        license="MIT",
    )


def _read(name):
    """Arrays of a bundled file."""
    with (DATA / name).open("rb") as file:
        return dict(np.load(file, allow_pickle=False))


def _names(blocks):
    """Name every column by its block and its place there."""
    return np.array(
        [f"{name}{i}" for name, block in blocks.items() for i in range(block.shape[1])]
    )

"""A compiled router as an ONNX model.

Inputs are ``features`` (n_queries, n_features), ``available`` (n_queries, n_models) and
``cost_weight`` (1,); outputs are ``quality``, ``utility`` and ``choice``, the choice
being that of `MaxUtility` at the given weight. A model of unknown cost is unavailable
at a weight above 0. All numbers have 32 bits.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklroute.persistence._file import write_atomically
from sklroute.serving import _parts
from sklroute.serving._latent import CLAMP, LIMIT, Latent
from sklroute.serving._net import ROOT2, Net
from sklroute.serving._steps import Affine, Steps, Tasks, UnitRows

OPSET = 18


def export_onnx(router: Any, path: str | os.PathLike) -> None:
    """Write a compiled router as an ONNX model; needs the extra ``onnx``.

    Parameters
    ----------
    router : CompiledRouter
        Of a router that decides by quality and cost: not one with a guard, a fixed
        model or chance, and not a k-nearest-neighbour or cluster router.
    path : path-like
        Where to write.

    Raises
    ------
    TypeError
        If the router has a part without an ONNX form.

    Notes
    -----
    A query may lack a block (NaN in all of its columns), where the router takes that.
    A graph cannot refuse a query. Where no model can be chosen, since all are
    unavailable or a feature is NaN or infinite, ``choice`` is n_models, the number past
    the last one. A block that is NaN in part counts as lacking. Names of the models
    are in the model's metadata, as ``classes``, one a line.
    """
    import onnx

    if not hasattr(router, "_part"):
        raise TypeError(
            f"export_onnx takes a compiled router, `router.compile()`; got {router!r}."
        )
    if router._rule is not None:
        raise TypeError(f"{type(router._rule).__name__} has no ONNX form.")
    graph = _Graph()
    quality = _emit(graph, router._part, "features")
    graph.op("Identity", quality, name="quality")
    _choice(graph, router.mean_cost_)
    n_models = len(router.classes_)
    model = graph.model(router.n_features_in_, n_models)
    names = "\n".join(str(name) for name in router.classes_.tolist())
    onnx.helper.set_model_props(model, {"classes": names})
    onnx.checker.check_model(model, full_check=True)
    write_atomically(Path(path), model.SerializeToString())


class _Graph:
    """Nodes and constants, in the order in which they are made."""

    def __init__(self):
        self.nodes: list = []
        self.constants: list = []

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        import onnx

        name = f"c{len(self.constants)}"
        array = np.ascontiguousarray(np.asarray(value, dtype=dtype))
        array = array.reshape(np.shape(value))
        self.constants.append(onnx.numpy_helper.from_array(array, name))
        return name

    def op(self, kind: str, *inputs: Any, name: str | None = None, **attributes) -> str:
        """Add a node; numbers and arrays among its inputs become constants."""
        import onnx

        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        name = name or f"n{len(self.nodes)}"
        node = onnx.helper.make_node(kind, names, [name], **attributes)
        self.nodes.append(node)
        return name

    def shape(self, *sizes: int) -> str:
        """Sizes or axes."""
        return self.constant(np.array(sizes), np.int64)

    def model(self, n_features: int, n_models: int) -> Any:
        import onnx
        from onnx import TensorProto as T

        def table(name, kind, *sizes):
            return onnx.helper.make_tensor_value_info(name, kind, ["n_queries", *sizes])

        weight = onnx.helper.make_tensor_value_info("cost_weight", T.FLOAT, [1])
        graph = onnx.helper.make_graph(
            self.nodes,
            "sklroute",
            [
                table("features", T.FLOAT, n_features),
                table("available", T.BOOL, n_models),
                weight,
            ],
            [
                table("quality", T.FLOAT, n_models),
                table("utility", T.FLOAT, n_models),
                table("choice", T.INT64),
            ],
            self.constants,
        )
        imports = [onnx.helper.make_opsetid("", OPSET)]
        return onnx.helper.make_model(graph, opset_imports=imports, ir_version=9)


def _choice(g: _Graph, cost: NDArray) -> None:
    """Utility, and its best model; ties go to the cheaper, then to the first.

    Where there is none, it is the number past the last model, which names no model.
    """
    spent = g.op("Mul", "cost_weight", np.nan_to_num(cost, nan=0.0)[None])
    utility = g.op("Sub", "quality", spent)
    unknown = g.constant(np.isnan(cost)[None], bool)
    priced = g.op("Greater", "cost_weight", np.float32(0))
    usable = g.op("Not", g.op("And", priced, unknown))
    usable = g.op("And", "available", usable)
    utility = g.op("Where", usable, utility, np.float32(-np.inf), name="utility")
    ranking = np.argsort(np.nan_to_num(cost, nan=np.inf), kind="stable")
    order = g.constant(ranking, np.int64)
    ranked = g.op("Gather", utility, order, axis=1)
    best = g.op("ArgMax", ranked, axis=1, keepdims=0)
    chosen = g.op("Gather", order, best, axis=0)
    # The best utility is a number, unless all are NaN or -inf.
    top = g.op("ReduceMax", utility, g.shape(1), keepdims=0)
    sound = g.op("Greater", top, np.float32(-np.inf))
    past = g.constant(len(cost), np.int64)
    g.op("Where", sound, chosen, past, name="choice")


def _emit(g: _Graph, part: Any, x: str) -> str:
    """Name of the quality that a part gives for x."""
    emit = _EMITTERS.get(type(part))
    if emit is None:
        raise TypeError(f"{type(part).__name__} has no ONNX form.")
    return emit(g, part, x)


def _clip(g: _Graph, x: str, low: Any = 0.0, high: Any = 1.0) -> str:
    # Max and Min, not Clip: its bounds must be scalars.
    return g.op("Min", g.op("Max", x, np.float32(low)), np.float32(high))


def _nothing(g: _Graph, x: str) -> str:
    """0 for each row; NaN if it is not finite, which a bound or a limit would hide."""
    return g.op("ReduceSum", g.op("Mul", x, np.float32(0)), g.shape(1), keepdims=1)


def _chain(g, part, x):
    return _emit(g, part.part, _steps(g, part.steps, x))


def _steps(g: _Graph, steps: Steps, x: str) -> str:
    for step in steps.parts:
        if isinstance(step, Affine):
            kind = "MatMul" if np.ndim(step.matrix) == 2 else "Mul"
            x = g.op("Add", g.op(kind, x, step.matrix), step.offset)
        elif isinstance(step, Tasks):
            logits = g.op("Add", g.op("MatMul", x, step.coef), step.intercept)
            prob = g.op("Mul", g.op("Softmax", logits, axis=1), np.float32(step.scale))
            x = g.op("Concat", x, g.op("Add", prob, step.offset), axis=1)
        else:
            x = _unit_rows(g, step, x)
    return x


def _unit_rows(g: _Graph, step: UnitRows, x: str) -> str:
    kind = {"l1": "ReduceL1", "l2": "ReduceL2"}.get(step.norm)
    size = g.op("Abs", x) if kind is None else x
    length = g.op(kind or "ReduceMax", size, g.shape(1), keepdims=1)
    zero = g.op("Less", length, np.float32(10 * np.finfo(np.float32).eps))
    return g.op("Div", x, g.op("Where", zero, np.float32(1), length))


def _pooled(g, part, x):
    new = part.pool.column < 0
    if new.any() or any(part.pool.beliefs):
        raise TypeError("Models that joined or learnt after the fit have no ONNX form.")
    columns = g.constant(part.pool.column, np.int64)
    return g.op("Gather", _emit(g, part.part, x), columns, axis=1)


def _linear(g, part, x):
    # A model that was always right or wrong has an infinite intercept.
    intercept = np.nan_to_num(part.intercept, posinf=1e30, neginf=-1e30)
    out = g.op("Add", g.op("MatMul", x, part.coef), intercept[None])
    success = g.op("Sigmoid", out) if part.link == "expit" else _clip(g, out)
    return g.op("Add", success, _nothing(g, out))


def _network(g, part, x):
    activate = {"logistic": "Sigmoid", "relu": "Relu", "tanh": "Tanh"}
    parts, columns = [], []
    for models, weights, intercepts in part.networks:
        out = x
        for layer, (W, b) in enumerate(zip(weights, intercepts, strict=True)):
            out = g.op("Add", g.op("MatMul", out, W), b[None])
            if layer == 0:
                nothing = _nothing(g, out)
            if layer < len(weights) - 1 and part.activation != "identity":
                out = g.op(activate[part.activation], out)
        parts.append(g.op("Add", out, nothing))
        columns.extend(models)
    joined = g.op("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]
    order = g.constant(np.argsort(columns), np.int64)
    return _clip(g, g.op("Add", g.op("Gather", joined, order, axis=1), part.mean[None]))


def _kernel(g, part, x):
    x = g.op("Sub", x, part.centre[None])
    square = g.op("ReduceSumSquare", x, g.shape(1), keepdims=1)
    product = g.op("Sub", g.op("MatMul", x, part.landmarks), part.length[None])
    product = g.op("Sub", product, g.op("Mul", square, np.float32(part.gamma)))
    similarity = g.op("Exp", g.op("Min", product, np.float32(0)))
    quality = g.op("Add", g.op("MatMul", similarity, part.coef), part.intercept)
    return _clip(g, g.op("Add", quality, _nothing(g, square)))


def _clusters(g, part, x):
    x = _unit_rows(g, UnitRows("l2"), x)
    quality = g.op("Add", _nothing(g, x), part.mean[None])
    for centres, profile in part.levels:
        square = (centres**2).sum(axis=1) / 2
        near = g.op("Sub", g.op("MatMul", x, centres.T), square[None])
        nearest = g.op("ArgMax", near, axis=1, keepdims=0)
        quality = g.op("Add", quality, g.op("Gather", profile, nearest, axis=0))
    return _clip(g, quality)


def _average(g, part, x):
    parts = [
        g.op("Mul", _emit(g, member, x), np.float32(weight))
        for weight, member in zip(part.weights, part.parts, strict=True)
    ]
    return g.op("Sum", *parts)


def _latent(g, part: Latent, x):
    z = _clip(g, g.op("Div", g.op("Sub", x, part.mean), part.scale), -LIMIT, LIMIT)
    blocks, present, sums = [], [], []
    for columns in part.columns:
        index = g.constant(np.arange(len(part.mean))[columns], np.int64)
        raw = g.op("Gather", x, index, axis=1)
        mean = g.op("ReduceMean", raw, g.shape(1), keepdims=1)
        gone = g.op("IsNaN", mean)
        sums.append(_nothing(g, g.op("Where", gone, np.float32(0), mean)))
        there = g.op("Not", gone)
        block = g.op("Where", there, g.op("Gather", z, index, axis=1), np.float32(0))
        blocks.append(block)
        present.append(g.op("Cast", there, to=1))
    order = np.concatenate([np.arange(len(part.mean))[c] for c in part.columns])
    joined = g.op("Concat", *blocks, axis=1) if len(blocks) > 1 else blocks[0]
    z = g.op("Gather", joined, g.constant(np.argsort(order), np.int64), axis=1)
    quality = g.op("Add", g.op("Sum", *sums), part.constant[None])
    if part.net_mix is not None:
        clamped = [
            _clip(g, block, -CLAMP / gain, CLAMP / gain)
            for block, gain in zip(blocks, part.gains, strict=True)
        ]
        success = _net(g, part.net, clamped, present)
        quality = g.op("Add", quality, g.op("MatMul", success, part.net_mix))
    for lean, mix in part.leans:
        quality = g.op("Add", quality, g.op("MatMul", _emit(g, lean, z), mix))
    return _clip(g, quality)


def _net(g: _Graph, net: Net, blocks: list[str], present: list[str]) -> str:
    n_members = net.read.shape[1]
    v = [
        g.op("Add", g.op("MatMul", block, W), b)
        for block, W, b in zip(blocks, net.project, net.bias, strict=True)
    ]
    seen = list(present)
    for b, c in net.pairs:
        v.append(g.op("Mul", g.op("Mul", v[b], v[c]), np.float32(ROOT2)))
        seen.append(g.op("Mul", seen[b], seen[c]))
    u = [g.op("Mul", g.op("Add", g.op("Erf", t), np.float32(1)), t) for t in v]
    count = g.op("Sqrt", g.op("Sum", *seen))
    members = [_member(g, net, e, u, seen, count) for e in range(n_members)]
    return g.op("Div", g.op("Sum", *members), np.float32(n_members))


def _member(g: _Graph, net: Net, e: int, u: list, seen: list, count: str) -> str:
    """Expected quality by one member of the ensemble."""
    h, M = net.read.shape[2], net.n_capsules
    width = net.tokens.shape[1]
    ones = np.kron(np.eye(M), np.ones((1, width // M)))  # a capsule's weight, d times
    total, read = [], []
    for t, tokens in enumerate(u):
        own = g.op("Slice", tokens, g.shape(e * h), g.shape((e + 1) * h), g.shape(1))
        out = g.op("MatMul", own, net.read[t, e])
        scores = g.op("Slice", out, g.shape(0), g.shape(M), g.shape(1))
        values = g.op("Slice", out, g.shape(M), g.shape(M + width), g.shape(1))
        weight = g.op("Mul", g.op("Exp", _clip(g, scores, -30, 30)), seen[t])
        total.append(weight)
        read.append(g.op("Mul", values, g.op("MatMul", weight, ones)))
    P = g.op("Div", g.op("Sum", *read), g.op("MatMul", g.op("Sum", *total), ones))
    affinity = g.op("MatMul", g.op("Mul", P, count), net.tokens[e])
    offset = net.offset[e, 0]  # (K, S)
    if offset.shape[1] == 2:
        return g.op("Sigmoid", g.op("Add", affinity, offset[:, 1] - offset[:, 0]))
    support = np.linspace(0, 1, offset.shape[1])
    tilt = g.op("Mul", g.op("Unsqueeze", affinity, g.shape(2)), support)
    prob = g.op("Softmax", g.op("Add", tilt, offset[None]), axis=2)
    return g.op("ReduceSum", g.op("Mul", prob, support), g.shape(2), keepdims=0)


_EMITTERS = {
    _parts.Average: _average,
    _parts.Chain: _chain,
    _parts.Clusters: _clusters,
    _parts.Kernel: _kernel,
    _parts.Linear: _linear,
    _parts.Network: _network,
    _parts.Pooled: _pooled,
    Latent: _latent,
}

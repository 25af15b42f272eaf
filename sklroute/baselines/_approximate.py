"""Approximate nearest neighbours, by faiss."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

N_PROBES = 16  # cells that are searched
SEED = 1234  # of the k-means that makes the lists, in place of a random one


class ApproximateNeighbors:
    r"""Nearest neighbours among the queries of the nearest cells of a k-means.

    An inverted file [1]_: of :math:`\sqrt n` cells, the nearest 16 are searched
    exhaustively. Neighbours in other cells are overlooked. A query for which these
    cells hold fewer than ``n_neighbors`` is compared with all.

    References
    ----------
    .. [1] Jégou, Douze and Schmid, "Product quantization for nearest neighbor search",
       IEEE TPAMI 33(1), 2011, section IV.
    """

    def __init__(self, n_neighbors: int):
        self.n_neighbors = n_neighbors

    def fit(self, X: NDArray) -> "ApproximateNeighbors":
        """Sort the queries into cells; needs faiss."""
        faiss = _faiss()
        n_cells = max(int(len(X) ** 0.5), 1)
        X = np.ascontiguousarray(X, dtype=np.float32)
        index = faiss.IndexIVFFlat(faiss.IndexFlatL2(X.shape[1]), X.shape[1], n_cells)
        index.cp.seed = SEED
        index.cp.min_points_per_centroid = 1  # a warning on stderr otherwise
        index.train(X)
        index.add(X)
        index.nprobe = min(N_PROBES, n_cells)
        self.index_ = index
        return self

    def kneighbors(self, X: NDArray, *, return_distance: bool = False) -> NDArray:
        """Rows of the nearest queries, (n_queries, n_neighbors), the nearest first.

        ``return_distance`` is scikit-learn's; there are no distances to be had.
        """
        X = np.ascontiguousarray(X, dtype=np.float32)
        nearest = self.index_.search(X, self.n_neighbors)[1]
        few = np.flatnonzero((nearest < 0).any(axis=1))
        if len(few):
            everywhere = _faiss().SearchParametersIVF(nprobe=self.index_.nlist)
            found = self.index_.search(X[few], self.n_neighbors, params=everywhere)
            nearest[few] = found[1]
        return nearest


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            "KNNRouter(algorithm='approximate') needs faiss: pip install "
            "'sklroute[ann]'. The exact search is algorithm='brute'."
        ) from error
    return faiss

"""The explanation of a router's choices: tables, text, HTML."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

MAX_QUERIES = 3  # that are printed


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a router chose as it did, for each of some queries.

    What ``explain`` of a router returns.

    Parameters
    ----------
    models : DataFrame
        One row per query and model. ``query`` is the row of ``X``, ``model`` a name.
        ``available`` is what the caller allowed, ``considered`` what the router chose
        among, ``reason`` why it did not consider the model. ``quality`` is the
        predicted quality and ``low`` to ``high`` an interval of 80 % (of the expected
        quality, or of one answer's where ``predict_distribution`` says more),
        ``cost`` the predicted cost, ``utility`` what the policy makes of them (``-inf``
        where unavailable), ``probability`` that of being the best choice. ``chosen``
        and ``runner_up`` mark two of the models.
    evidence : DataFrame
        One row per query and piece of evidence: ``query``; ``source``, e.g.
        "neighbour"; ``name``, which one; ``kind``; ``value``, positive where it speaks
        for the chosen model; ``chosen`` and ``runner_up``, what it says of each. The
        kind says how to read them:

        - "exact": contributions to the two models' utility, whose difference is the
          value. Those of a query add up to the margin, with what is left (by clipping,
          say) as a row of its own, up to 1e-4.
        - "path": likewise, for a model that is not additive: the change from the
          average query to this one is shared out among the features along the
          straight line between them (integrated gradients).
        - "ablation": by how much the margin falls if a block of the features is
          replaced by its mean (or marked as missing, if the router can take that);
          the utilities are those without it. Ablations do not add up.
        - "attention": share of the network's attention, the same for all models.
        - "profile": how much better the model is in the query's region than its mean
          quality and the region's difficulty let expect, in calibration.
    decisions : DataFrame
        One row per query: ``query``, ``choice``, ``runner_up`` (the best by utility of
        the other available models, of those considered if there are any; None if
        there is none) and ``margin``, the difference of their utilities. It is
        negative where the policy or the router prefers a model of lower utility, a
        cheaper one above a floor, say.

    See Also
    --------
    sklroute.displays.ExplanationDisplay : The explanation of one query as a figure.

    Examples
    --------
    >>> from sklroute.baselines import ClusterRouter
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=300, n_models=3, random_state=0)
    >>> router = ClusterRouter(8, random_state=0).fit(data.X, data.y)
    >>> explanation = router.explain(data.X, available=[True, True, False])
    >>> len(explanation)
    300
    >>> explanation[7].models["reason"].tolist()
    ['', '', 'not available']
    """

    models: pd.DataFrame
    evidence: pd.DataFrame
    decisions: pd.DataFrame

    def __len__(self) -> int:
        return len(self.decisions)

    def __getitem__(self, rows: int | slice | list[int]) -> "Explanation":
        """The explanation of one query, or of several; ``query`` stays as it was."""
        if isinstance(rows, (int, np.integer)):
            if not -len(self) <= rows < len(self):
                raise IndexError(
                    f"Query {rows} is not one of the {len(self)} explained."
                )
            rows = [rows]
        decisions = self.decisions.iloc[rows].reset_index(drop=True)
        asked = decisions[["query"]]
        models, evidence = (
            asked.merge(table, on="query") for table in (self.models, self.evidence)
        )
        return Explanation(models, evidence, decisions)

    def __iter__(self) -> Iterator["Explanation"]:
        return (self[row] for row in range(len(self)))

    def __repr__(self) -> str:
        return f"<Explanation of {len(self)} queries>"

    def __str__(self) -> str:
        parts = [_as_text(self[row]) for row in range(min(len(self), MAX_QUERIES))]
        if len(self) > MAX_QUERIES:
            parts.append(f"... and {len(self) - MAX_QUERIES} more queries")
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        parts = [_as_html(self[row]) for row in range(min(len(self), MAX_QUERIES))]
        if len(self) > MAX_QUERIES:
            parts.append(f"<p>... and {len(self) - MAX_QUERIES} more queries</p>")
        return "\n".join(parts)


def headline(explanation: Explanation, write: Callable[[Any], str] = str) -> str:
    """One query's choice and margin, in a sentence with the models as written."""
    query, choice, runner_up, margin = explanation.decisions.iloc[0]
    choice, other = write(choice), write(runner_up)
    if runner_up is None:
        return f"Query {query}: {choice}, no other model is available"
    if margin < 0:
        return f"Query {query}: {choice}, {-margin:.3f} of utility below {other}"
    return f"Query {query}: {choice}, {margin:.3f} of utility above {other}"


def _as_text(explanation: Explanation) -> str:
    lines = [headline(explanation), "", _models_table(explanation).to_string()]
    evidence = _evidence_table(explanation)
    if len(evidence):
        lines += ["", "For the choice (+) and for the runner-up (-)"]
        lines += [evidence.to_string(float_format="{:+.4f}".format, header=False)]
    return "\n".join(lines)


def _as_html(explanation: Explanation) -> str:
    models = _models_table(explanation).to_html()
    evidence = _evidence_table(explanation).to_html(float_format="{:+.4f}".format)
    return f"<h4>{escape(headline(explanation))}</h4>\n{models}\n{evidence}"


def _models_table(explanation: Explanation) -> pd.DataFrame:
    """The models of one query, the best first, as one reads them."""
    models = explanation.models.sort_values("utility", ascending=False, kind="stable")
    columns = ["quality", "low", "high", "cost", "utility", "probability"]
    table = models[columns].round(4)
    state = np.where(models["chosen"], "chosen", models["reason"])
    table["state"] = np.where(models["runner_up"] & (state == ""), "runner-up", state)
    return table.set_axis(models["model"].astype(str), axis=0).rename_axis(None)


def _evidence_table(explanation: Explanation) -> pd.DataFrame:
    evidence = explanation.evidence
    index = [
        f"{source}, {name} [{kind}]"
        for source, name, kind in zip(
            evidence["source"], evidence["name"], evidence["kind"], strict=True
        )
    ]
    return evidence[["value"]].set_axis(pd.Index(index, dtype=object), axis=0)

"""Queries of a comparison and where they went: cards of the report."""

from html import escape

import numpy as np
import pandas as pd

from sklroute.compare import _html as html
from sklroute.compare._contestants import SINGLE
from sklroute.compare._jobs import is_binary
from sklroute.compare._result import Comparison
from sklroute.compare._words import percent, significant
from sklroute.outcomes._values import plain

MAX_SHOWN = 24
MAX_LETTERS = 240  # of a text


def queries_section(
    result: Comparison, queries: pd.DataFrame | None, cost_unit: str | None
) -> str:
    """Some of the queries: whom the best router calls, and the best single model.

    Of more than 24 tested ones, 24 are drawn at random.
    """
    if queries is None:
        return ""
    _check(queries, result.protocol["queries"])
    calls = result.choices.drop_duplicates(["name", "query"]).set_index("query")
    own, single = (calls[calls["name"] == name] for name in (result.best, SINGLE))
    shown = queries[queries.index.isin(own.index)]
    if shown.empty:
        return ""
    if len(shown) > MAX_SHOWN:
        shown = shown.sample(MAX_SHOWN, random_state=0).sort_index()
    note = (
        "Test queries, drawn at random. On each card, first the model that "
        f"{result.best} calls (quality first), then the best single model. Green: "
        "better than the best single model; red: worse."
    )
    binary = is_binary(result.y_test)
    cards = [
        _card(query, own.loc[row], single.loc[row], binary, cost_unit)
        for row, query in shown.iterrows()
    ]
    return html.section(
        "Queries, and where they went",
        f'<p class="small">{escape(note)}</p>',
        html.cards(cards),
    )


def _check(queries: pd.DataFrame, n_queries: int) -> None:
    """Refuse queries without texts, and those whose rows cannot be told."""
    if not isinstance(queries, pd.DataFrame):
        raise TypeError(f"queries must be a DataFrame; got {type(queries).__name__}.")
    if "text" not in queries:
        raise ValueError(f"queries has no column 'text'; it has {list(queries)}.")
    strange = queries.index[~queries.index.isin(range(n_queries))]
    if len(strange):
        raise ValueError(
            f"The index of queries has {plain(strange[0])!r}; expected the rows of X "
            f"and y, which are numbers from 0 to {n_queries - 1}. If queries has them "
            "all in their order: queries.reset_index(drop=True)."
        )
    wrong = [not isinstance(text, str) for text in queries["text"]]
    if any(wrong):
        row = wrong.index(True)
        raise ValueError(
            f"Row {queries.index[row]} of queries has no text but "
            f"{plain(queries['text'].iloc[row])!r}."
        )


def _card(query, own, single, binary: bool, cost_unit: str | None) -> str:
    text = query["text"]
    if len(text) > MAX_LETTERS:
        text = text[:MAX_LETTERS].rstrip() + " ..."
    change = np.sign(own["quality"] - single["quality"])
    state = {1: "better", -1: "worse"}.get(change, "same")
    lines = [_call(call, binary, cost_unit) for call in (own, single)]
    return html.card(state, text, lines, query.get("picture"))


def _call(call: pd.Series, binary: bool, cost_unit: str | None) -> str:
    """Model, worth and price of a call, e.g. "small-cnn: right, 0.9 MFLOPs"."""
    worth = f"quality {percent(call['quality'])}"
    if binary:
        worth = "✓ right" if call["quality"] == 1 else "✗ wrong"
    price = significant(call["cost"])
    if price:
        price = f", cost {price}" if cost_unit is None else f", {price} {cost_unit}"
    return f"{call['model']}: {worth}{price}"

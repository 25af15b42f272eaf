"""The page: thumbnails, questions, answers, and the bill."""

import base64
from html import escape
from pathlib import Path

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Routed pictures</title>
<style>
  body {{ font: 16px/1.45 system-ui, sans-serif; color: #222; background: #fff;
         max-width: 68rem; margin: 2rem auto; padding: 0 1.5rem; }}
  h1 {{ font-size: 1.6rem; }} h2 {{ font-size: 1.2rem; margin-top: 2rem; }}
  .small {{ color: #555; font-size: .85rem; max-width: 58rem; }}
  .lines {{ overflow-x: auto; }}
  table {{ border-collapse: collapse; font-size: .85rem; white-space: nowrap; }}
  th, td {{ padding: .3rem .65rem; text-align: right; border-bottom: 1px solid #ddd; }}
  thead th {{ border-bottom: 2px solid #888; }}
  tbody th {{ font-weight: normal; }}
  td:first-child, th:first-child {{ text-align: left; }}
  td {{ font-variant-numeric: tabular-nums; }}
  .cards {{ display: grid; gap: .8rem;
           grid-template-columns: repeat(auto-fill, minmax(19.5rem, 1fr)); }}
  .card {{ display: flex; gap: .8rem; border: 1px solid #ddd; border-left-width: 5px;
          border-radius: 4px; padding: .6rem; }}
  .card.right {{ border-left-color: #2a7d4f; }}
  .card.wrong {{ border-left-color: #b3372b; }}
  .card img {{ width: 96px; height: 96px; image-rendering: pixelated; flex: none; }}
  .question {{ font-weight: 600; }}
  .right .mark {{ color: #2a7d4f; }} .wrong .mark {{ color: #b3372b; }}
  .mark {{ font-weight: 600; }}
  code {{ background: #f2f6fa; padding: .05rem .3rem; border-radius: 3px; }}
</style>
</head>
<body>
<h1>Which model answers which picture?</h1>
<p>The router saw the picture ({encoder} features) and the question, chose one of
{n_models} models, and only that one was called. It had learnt from a log of their
answers to other pictures. Half of the pictures are corrupted: colored light, darkness,
noise.</p>
<h2>The bill, a query</h2>
<div class="lines">{bill}</div>
<p class="small">“all” has the encoder and the router on the bill; the ways to do
without a router need neither. Gains are over <code>{best}</code>, the best single model
in the log; intervals are 95 % and of a bootstrap over pictures. MFLOPs are counted,
milliseconds are medians of one query at a time on one thread.</p>
<div class="lines">{overhead}</div>
<h2>The models</h2>
<div class="lines">{costs}</div>
<h2>{n_shown} queries, drawn at random</h2>
<div class="cards">
{cards}
</div>
</body>
</html>
"""

CARD = """<div class="card {state}">
<img src="data:image/png;base64,{image}" alt="{condition} picture">
<div><div class="question">{text}</div>
<div><code>{model}</code>: {given} <span class="mark">{mark}</span></div>
<div class="small">{condition}; {mflops:.2f} MFLOPs<br>
<code>{best}</code>: {best_given} {best_mark}</div></div>
</div>"""


def write_page(path, shown, best, bill, costs, overhead, options):
    """Write the page; pictures are inside it."""
    cards = [make_card(query, best, costs) for query in shown.itertuples()]
    page = PAGE.format(
        encoder=escape(options.encoder),
        n_models=len(costs),
        bill=as_table(bill),
        overhead=as_table(overhead),
        costs=as_table(costs),
        best=escape(best),
        n_shown=len(shown),
        cards="\n".join(cards),
    )
    path.write_text(page, encoding="utf-8")


def make_card(query, best, costs):
    best_right = query.best == query.answer
    return CARD.format(
        state="right" if query.right else "wrong",
        image=base64.b64encode(Path(query.image).read_bytes()).decode(),
        condition=escape(query.condition),
        text=escape(query.text),
        model=escape(query.model),
        given=escape(query.given),
        mark="✓ right" if query.right else f"✗ it is {escape(query.answer)}",
        mflops=costs.loc[query.model, "mflops"],
        best=escape(best),
        best_given=escape(query.best),
        best_mark="✓" if best_right else "✗",
    )


def as_table(frame):
    return frame.to_html(border=0, float_format="{:.3f}".format, justify="right")

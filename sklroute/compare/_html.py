"""Parts of a report: one page of HTML that needs nothing from elsewhere."""

import platform
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec
from io import BytesIO
from string import Template

import pandas as pd
from numpy.typing import NDArray

PACKAGES = ["sklroute", "scikit-learn", "numpy", "pandas", "scipy", "torch", "skorch"]
NO_PICTURES = "Pictures need matplotlib: pip install 'sklroute[plot]'"


def has_matplotlib() -> bool:
    """Whether pictures can be drawn."""
    return find_spec("matplotlib") is not None


def page(title: str, summary: str, *parts: str) -> str:
    """Return the whole page."""
    frame = files("sklroute.compare").joinpath("report.html").read_text("utf-8")
    return Template(frame).substitute(
        title=escape(title), summary=summary, body="\n".join(parts)
    )


def section(heading: str, *parts: str) -> str:
    """Parts under a heading, if there are any."""
    content = "\n".join(part for part in parts if part)
    return f"<h2>{escape(heading)}</h2>\n{content}" if content else ""


def table(heads: Sequence[str], rows: Iterable[Sequence], bold: str = "") -> str:
    """A table; the row whose first cell is ``bold`` stands out."""
    head = "".join(f"<th>{escape(str(text))}</th>" for text in heads)
    body = "".join(
        f"<tr{' class=best' if row[0] == bold else ''}>"
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def lines(heads: Sequence[str], rows: Iterable[Sequence], bold: str = "") -> str:
    """A wide table, which scrolls, with a line per router."""
    return f'<div class="lines">{table(heads, rows, bold)}</div>'


def frame_table(caption: str, frame: pd.DataFrame | None) -> str:
    """The numbers behind a picture, closed until they are asked for."""
    if frame is None or frame.empty:
        return ""
    rows = (map(_cell, row) for row in frame.itertuples(index=False))
    content = lines(list(frame.columns), [list(row) for row in rows])
    return f"<details><summary>{escape(caption)}</summary>{content}</details>"


def bullets(texts: Iterable[str]) -> str:
    """A list of sentences."""
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def picture(pictures: Mapping[str, bytes], name: str, title: str) -> str:
    """A picture inside the page; nothing where there is none of the name."""
    return _image(pictures[name], title) if name in pictures else ""


def _image(png: bytes, title: str) -> str:
    data = b64encode(png).decode("ascii")
    return f'<img alt="{escape(title)}" src="data:image/png;base64,{data}">'


def card(
    state: str, text: str, lines: Iterable[str], pixels: NDArray | None = None
) -> str:
    """A text over lines, beside a picture if there is one; ``state`` colours it."""
    shown = ""
    if pixels is not None and has_matplotlib():
        from matplotlib.image import imsave

        buffer = BytesIO()
        imsave(buffer, pixels, format="png")
        shown = _image(buffer.getvalue(), text)
    below = "".join(f"<div>{escape(line)}</div>" for line in lines)
    head = f"<strong>{escape(text)}</strong>"
    return f'<div class="card {state}">{shown}<div>{head}{below}</div></div>'


def cards(parts: Iterable[str]) -> str:
    """Cards side by side."""
    content = "\n".join(parts)
    return f'<div class="cards">{content}</div>' if content else ""


def versions() -> str:
    """Table of the versions of what was used."""
    found = [("Python", platform.python_version())]
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            found.append((package, "not installed"))
    return table(["", "version"], found)


def _cell(value) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.4g}"
    return str(value)

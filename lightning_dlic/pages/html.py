"""HTML pages of one file: everything is in them, and they ask nobody for anything."""

from __future__ import annotations

import base64
import html
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lightning_dlic.metrics.strict_json import strict_json

_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: object) -> Html:
    """An element.

    Args:
        name: Of the element.
        *children: HTML as it is, and text of any origin, which is escaped.
        **attributes: Likewise escaped; ``class_`` and ``data_x`` are written as HTML has them, False is left out.

    Example:
        >>> tag("p", "1 < 2", class_="hint")
        '<p class="hint">1 &lt; 2</p>'
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not False and value is not None
    )
    inside = join(*children)
    void = name in ("img", "input", "meta", "link", "line", "polyline", "rect", "circle")
    return Html(f"<{name}{told}/>" if void and not inside else f"<{name}{told}>{inside}</{name}>")


def join(*children: str) -> Html:
    """HTML and escaped text, one after the other."""
    return Html("".join(child if isinstance(child, Html) else html.escape(child) for child in children))


def page(title: str, *body: Html, script: str = "", data: Any = None) -> bytes:
    """A whole page, in the one style.

    Args:
        title: Of the page.
        *body: What it shows.
        script: Name of a script beside this module, if it needs one.
        data: Plain types that the script reads.
    """
    style = (_HERE / "page.css").read_text("utf-8")
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        tag("title", title),
        f"<style>{style}</style></head><body><main>",
        tag("h1", title),
        *body,
        "</main>",
    ]
    if script:
        # "<" inside a script could end it.
        told = strict_json(data).replace("<", "\\u003c")
        parts.append(f'<script type="application/json" id="data">{told}</script>')
        parts.append(f"<script>{(_HERE / script).read_text('utf-8')}</script>")
    return "".join([*parts, "</body></html>\n"]).encode(errors="backslashreplace")


def embedded(picture: Image.Image | NDArray[np.uint8], form: str = "PNG", **options: Any) -> str:
    """A picture as a ``data:`` address."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    out = io.BytesIO()
    image.save(out, form, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"


def figure(address: str, title: str, words: str = "", *, squares: bool = False, **size: int) -> Html:
    """A picture with its caption."""
    image = tag("img", src=address, alt=title, class_="squares" if squares else None, **size)
    return tag("figure", image, tag("figcaption", tag("strong", title), words))


def table(head: list[str], rows: list[list[str | Html]]) -> Html:
    """A table whose first column names the rows."""
    first = tag("tr", *(tag("th", cell, scope="col") for cell in head))
    body = [tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows]
    return tag("div", tag("table", tag("thead", first), tag("tbody", *body)), class_="wide", tabindex="0")


def number(value: Any) -> str:
    """A figure as tables have it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value if isinstance(value, str) else json.dumps(value)
    if isinstance(value, int):
        return f"{value:,}"
    if 0 < abs(value) < 0.001:
        return f"{value:.2g}"
    return f"{value:.4f}" if abs(value) < 1 else f"{value:,.2f}"

"""Plain HTML pages of ours, outside Streamlit: one frame, forms, fields; no scripts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from starlette.responses import HTMLResponse, Response

from mlvajra_al.errors import MlvajraError
from mlvajra_al.web.sentences import sentence

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
}
FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · mlvajra</title>
<link rel="icon" href="/account/logo.png">
<link rel="stylesheet" href="/account/style.css">
</head>
<body{kind}>
<main>
<header><img src="/account/logo.png" alt="" width="44" height="44"><span>mlvajra</span></header>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def page(title: str, body: str, *, status: int = 200, wide: bool = False) -> Response:
    """Return a page; `body` is HTML already."""
    kind = ' class="wide"' if wide else ""
    html = FRAME.format(title=escape(title), body=body, kind=kind)
    return HTMLResponse(html, status_code=status, headers=HEADERS)


def paragraph(words: str) -> str:
    """Return text as a paragraph."""
    return f"<p>{escape(words)}</p>"


def link(address: str, words: str) -> str:
    """Return a link in a paragraph of its own."""
    return f'<p><a href="{escape(address)}">{escape(words)}</a></p>'


def button_link(address: str, words: str) -> str:
    """Return a link that looks like a button, in a paragraph of its own."""
    return f'<p class="or"><a class="button" href="{escape(address)}">{escape(words)}</a></p>'


def problem(error: MlvajraError | None) -> str:
    """Return what was wrong as a paragraph; nothing if nothing was."""
    if error is None:
        return ""
    return f'<p class="error" role="alert">{escape(sentence(error))}</p>'


def small_form(action: str, button: str) -> str:
    """Return a form that is one small button."""
    return (
        f'<form class="small" method="post" action="{escape(action)}">'
        f'<button type="submit">{escape(button)}</button></form>'
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table; its cells are HTML already. Where there are no rows, a word says so."""
    if not rows:
        return paragraph("None.")
    lines = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table>{body}</table></div>'


def checks(name: str, legend: str, choices: Sequence[tuple[str, str]]) -> str:
    """Return check boxes of one name, each with what it means."""
    boxes = "".join(
        f'<label><input type="checkbox" name="{escape(name)}" value="{escape(value)}"> '
        f"{escape(value)}: {escape(words)}</label>"
        for value, words in choices
    )
    return f"<fieldset><legend>{escape(legend)}</legend>{boxes}</fieldset>"


def form(action: str, fields: str, *, button: str, error: MlvajraError | None = None) -> str:
    """Return a form that is sent by POST, with what was wrong the last time."""
    return (
        f'<form method="post" action="{escape(action)}">{problem(error)}{fields}'
        f'<button type="submit">{escape(button)}</button></form>'
    )


def text_field(name: str, label: str, *, value: str, complete: str, focus: bool = False) -> str:
    """Return a labelled text field."""
    return _field(name, label, f'type="text" value="{escape(value)}"', complete, focus)


def password_field(
    name: str, label: str, *, complete: str, focus: bool = False, hint: str = ""
) -> str:
    """Return a labelled password field; what was typed is never sent back."""
    return _field(name, label, 'type="password"', complete, focus, hint)


def _field(
    name: str, label: str, attributes: str, complete: str, focus: bool, hint: str = ""
) -> str:
    small = f"<small>{escape(hint)}</small>" if hint else ""
    return (
        f'<label>{escape(label)}{small}<input name="{name}" {attributes} '
        f'autocomplete="{complete}" required{" autofocus" if focus else ""}></label>'
    )

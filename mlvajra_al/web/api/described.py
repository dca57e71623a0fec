"""The description of the API as a page: every address, what it takes, what it answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

from starlette.responses import Response

from mlvajra_al.web import html

CODE = re.compile(r"`+([^`]+)`+")
METHODS = ("get", "post", "put", "patch", "delete")
JSON = "application/json"
DEEPEST = 8


def page(description: dict[str, Any]) -> Response:
    """Return the description as HTML."""
    base = description["servers"][0]["url"]
    body = "".join(_operations(description, base))
    info = description["info"]
    intro = "".join(f"<p>{_prose(text)}</p>" for text in info["description"].split("\n\n"))
    machines = html.link("/api/openapi.json", "The same for machines: openapi.json")
    return html.page("API", intro + machines + body, wide=True)


def _prose(text: str) -> str:
    """Return words as HTML, with what stands between backticks as code.

    >>> _prose("send `a < b`")
    'send <code>a &lt; b</code>'
    """
    return CODE.sub(r"<code>\1</code>", escape(text))


def _operations(description: dict[str, Any], base: str) -> Iterator[str]:
    tag = None
    for path, methods in description["paths"].items():
        for method in METHODS:
            if method not in methods:
                continue
            operation = methods[method]
            if operation["tags"][0] != tag:
                tag = operation["tags"][0]
                yield f"<h2>{escape(tag.capitalize())}</h2>"
            yield _operation(f"{method.upper()} {base}{path}", operation, description)


def _operation(name: str, operation: dict[str, Any], description: dict[str, Any]) -> str:
    method, path = name.split(" ", 1)
    rows = "".join(_parameter(item, description) for item in operation.get("parameters", []))
    table = f"<table>{rows}</table>" if rows else ""
    return (
        f'<section><h3><b class="{method.lower()}">{method}</b> <code>{escape(path)}</code></h3>'
        f"<p>{_prose(operation.get('description', ''))}</p>{table}{_body(operation, description)}"
        f"{''.join(_answers(operation, description))}</section>"
    )


def _parameter(item: dict[str, Any], description: dict[str, Any]) -> str:
    words = item.get("description", "") or item["schema"].get("description", "")
    kind = _resolved(item["schema"], description, depth=0)
    return _row(item["name"], _brief(kind), words, needed=bool(item.get("required")))


def _row(name: str, kind: str, words: str, *, needed: bool) -> str:
    optional = "" if needed else "optional"
    cells = (f"<code>{escape(name)}</code>", escape(kind), optional, _prose(words))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _body(operation: dict[str, Any], description: dict[str, Any]) -> str:
    body = operation.get("requestBody", {})
    content = body.get("content", {}).get(JSON)
    if content is None:
        return f"<p>{_prose(body.get('description', ''))}</p>" if body else ""
    table = "".join(_fields(content["schema"], description))
    return _shape(content["schema"], description) + (f"<table>{table}</table>" if table else "")


def _shape(schema: dict[str, Any], description: dict[str, Any]) -> str:
    found = _resolved(schema, description, depth=0)
    words = found if isinstance(found, str) else json.dumps(found, indent=2, ensure_ascii=False)
    return f"<pre>{escape(words)}</pre>"


def _fields(schema: dict[str, Any], description: dict[str, Any]) -> Iterator[str]:
    """Yield a row for each field of a body that must be there, or of which something is said."""
    for kind in schema.get("anyOf", [schema]):
        of = _named(kind.get("items", kind), description)
        for name, item in of.get("properties", {}).items():
            needed, words = name in of.get("required", []), item.get("description", "")
            if needed or words:
                yield _row(name, "", words, needed=needed)


def _answers(operation: dict[str, Any], description: dict[str, Any]) -> Iterator[str]:
    """Yield what is answered where nothing fails, folded away."""
    for status, answer in sorted(operation["responses"].items()):
        content = answer.get("content", {})
        if not status.startswith("2") or not content:
            continue
        told = (
            _shape(content[JSON]["schema"], description)
            if JSON in content
            else f"<p>{escape(', '.join(content))}</p>"
        )
        yield f"<details><summary>Answer {status}</summary>{told}</details>"


def _named(schema: dict[str, Any], description: dict[str, Any]) -> dict[str, Any]:
    """Return a schema, or the one that it names."""
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    found: dict[str, Any] = description["components"]["schemas"][name] if name else schema
    return found


def _resolved(schema: dict[str, Any], description: dict[str, Any], *, depth: int) -> Any:
    """Return an example-like shape of a schema: names and types."""
    if depth > DEEPEST:
        return "…"
    if "$ref" in schema:
        return _resolved(_named(schema, description), description, depth=depth)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return _either([_resolved(item, description, depth=depth) for item in schema[choice]])
    if "properties" in schema:
        return {
            name: _resolved(item, description, depth=depth + 1)
            for name, item in schema["properties"].items()
        }
    if schema.get("type") == "array":
        return [_resolved(schema.get("items", {}), description, depth=depth + 1)]
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    return schema.get("const", schema.get("type", "any"))


def _either(kinds: list[Any]) -> Any:
    """Return what may be one or the other; what may only be left out is shown as it is.

    >>> _either(["string", ["string"], "null"]), _either([["string"], "null"])
    ('string | [string] | null', ['string'])
    """
    shape, *more = [kind for kind in kinds if kind != "null"]
    return " | ".join(map(_brief, kinds)) if more or isinstance(shape, str) else shape


def _brief(kind: Any) -> str:
    """Return a shape in few words.

    >>> _brief(["string"]), _brief({"name": "string", "labels": ["string"]})
    ('[string]', '{name, labels}')
    """
    if isinstance(kind, dict):
        return "{" + ", ".join(kind) + "}"
    return f"[{_brief(kind[0])}]" if isinstance(kind, list) else str(kind)

"""The API's description as one plain page: no scripts, nothing from other hosts."""

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
    rows = "".join(_parameter(item) for item in operation.get("parameters", []))
    table = f"<table>{rows}</table>" if rows else ""
    return (
        f'<section><h3><b class="{method.lower()}">{method}</b> <code>{escape(path)}</code></h3>'
        f"<p>{_prose(operation.get('description', ''))}</p>{table}{_body(operation, description)}"
        "</section>"
    )


def _parameter(item: dict[str, Any]) -> str:
    words = item.get("description", "") or item["schema"].get("description", "")
    kind = item["schema"].get("type", "")
    needed = "" if item.get("required") else "optional"
    cells = (f"<code>{escape(item['name'])}</code>", escape(kind), needed, _prose(words))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _body(operation: dict[str, Any], description: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return ""
    schema = _resolved(content["schema"], description, depth=0)
    return f"<pre>{escape(json.dumps(schema, indent=2, ensure_ascii=False))}</pre>"


def _resolved(schema: dict[str, Any], description: dict[str, Any], *, depth: int) -> Any:
    """Return an example-like shape of a schema: names and types."""
    if depth > 5:
        return "…"
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return _resolved(description["components"]["schemas"][name], description, depth=depth + 1)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            kinds = [_resolved(item, description, depth=depth + 1) for item in schema[choice]]
            shapes = [kind for kind in kinds if not isinstance(kind, str)]
            return shapes[0] if shapes else " | ".join(map(str, kinds))
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

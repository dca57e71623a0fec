"""The documentation knows every route of the API and names none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import mlvajra_al
from mlvajra_al.web import probes
from mlvajra_al.web.api import application

PAGE = (Path(mlvajra_al.__file__).parent.parent / "docs" / "http.md").read_text("utf-8")


def test_every_route_of_the_api_is_documented() -> None:
    documented = set(re.findall(r"^\| `([A-Z]+ /\S+)` \|", PAGE, re.MULTILINE))
    described = application.build().openapi()["paths"]
    assert documented == {
        f"{method.upper()} {path}" for path, methods in described.items() for method in methods
    }


def test_every_probe_is_documented() -> None:
    for route in probes.routes():
        assert f"`GET {route.path}`" in PAGE

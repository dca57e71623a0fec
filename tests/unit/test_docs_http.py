"""The documentation knows every route of the API and names none that is not there."""

from __future__ import annotations

import io
import re
import urllib.request
from pathlib import Path

import pytest

import mlvajra_al
from mlvajra_al.web import probes
from mlvajra_al.web.api import application, shapes

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


def test_the_example_in_python_reads_what_is_answered_to_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = shapes.Prediction(
        label="spam", probability=0.9, probabilities={"ham": 0.1, "spam": 0.9}, explanation=None
    )
    result = shapes.Predictions(version=3, predictions=[said])
    job = shapes.PredictedJob.model_construct(id=7, state="done", result=result)
    answer = job.model_dump_json(warnings=False).encode()
    monkeypatch.setattr(urllib.request, "urlopen", lambda _: io.BytesIO(answer))
    monkeypatch.setenv("TOKEN", "secret")
    [example] = re.findall(r"^```python\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL)

    exec(compile(example, "docs/http.md", "exec"), {})  # noqa: S102 our own page

    assert capsys.readouterr().out == "3 ['spam']\n"

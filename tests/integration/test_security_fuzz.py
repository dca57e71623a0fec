"""The API's own description turned against it: no request ends in a 500, every answer fits.

``FUZZ_EXAMPLES`` examples per route and kind instead of a few make the long form of it:
``FUZZ_EXAMPLES=500 pytest tests/integration/test_security_fuzz.py``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mlvajra_al.web.api import application
from tests.integration.conftest import Web, serving_in
from tests.workers import work

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "5"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
KNOWN = {"project": "spam", "number": 1, "job_id": 1, "run_id": 1, "name": "Grace"}
LINES = "\n".join(
    json.dumps({"id": f"m{n}", "body": f"message {n} about {'money' if n % 2 else 'lunch'}"})
    for n in range(60)
)
NEW = {"name": "spam", "labels": ["ham", "spam"], "text": ["body"], "key_column": "id"}
P = "/api/v1/projects/spam"
DESCRIPTION = application.build().openapi()
OPERATIONS = {
    operation.label: operation
    for operation in (
        found.ok() for found in schemathesis.openapi.from_dict(DESCRIPTION).get_all_operations()
    )
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A server with a project that has answers, a version, a report and an explanation."""
    with serving_in(tmp_path_factory.mktemp("workspace")) as running:
        _fill(running)
        yield running


def _fill(web: Web) -> None:
    admin = web.program("Ada", "admin")
    admin.post("/api/v1/projects", json=NEW)
    admin.post(f"{P}/import?name=mails.jsonl", content=LINES.encode())
    work(web.store)
    for claim in admin.post(f"{P}/claims", json={"n": 20}).json():
        answer = {
            "event_id": f"3d9b8f7e-1111-4222-8333-{int(claim['sample_key'][1:]):012d}",
            "claim_id": claim["claim_id"],
            "sample_key": claim["sample_key"],
            "action": "answer",
            "label": "spam" if int(claim["sample_key"][1:]) % 2 else "ham",
        }
        admin.post(f"{P}/annotations", json=[answer])
    admin.post(f"{P}/jobs", json={"kind": "retrain"})
    work(web.store)
    admin.post(f"{P}/jobs", json={"kind": "evaluate", "versions": [1]})
    admin.get(f"{P}/versions/1/explanation")
    work(web.store)
    assert admin.get(f"{P}/versions/1/explanation").status_code == 200
    assert admin.get(f"{P}/versions/1/report").status_code == 200


@pytest.fixture(scope="module")
def programs(web: Web) -> dict[str, httpx.Client]:
    """One program that may do everything, and one that may label."""
    return {"admin": web.program("Root", "admin"), "annotator": web.program("Grace", "annotator")}


@st.composite
def _cases(draw: st.DrawFn, label: str) -> Case:
    """Draw a request as described or against the description, at a place that often exists."""
    mode = draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
    operation = OPERATIONS[label]
    if mode is GenerationMode.NEGATIVE and not _takes_anything(operation):
        mode = GenerationMode.POSITIVE
    case: Case = draw(operation.as_strategy(generation_mode=mode))
    for name in case.path_parameters or {}:
        if draw(st.integers(0, 3)):
            case.path_parameters[name] = KNOWN[name]
    return case


def _takes_anything(operation: Any) -> bool:
    return bool(operation.query or operation.body or operation.path_parameters)


@pytest.mark.parametrize("label", OPERATIONS)
def test_no_request_breaks_the_server_and_every_answer_is_as_described(
    web: Web, programs: dict[str, httpx.Client], label: str
) -> None:
    session = requests.Session()

    @seed(20261123)
    @settings(
        max_examples=EXAMPLES,
        derandomize=EXAMPLES < 50,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_cases(label), st.sampled_from(sorted(programs)))
    def ask(case: Case, who: str) -> None:
        headers = {"Authorization": programs[who].headers["Authorization"]}
        answer = case.call(
            base_url=f"{web.url}/api/v1", session=session, headers=headers, timeout=60
        )
        case.validate_response(answer, checks=CHECKS)

    ask()


def test_every_answer_and_every_error_has_a_described_shape() -> None:
    for path, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            answers = operation["responses"]
            assert {"4XX", "5XX"} <= {*answers}, (method, path)
            good = [answers[status] for status in answers if status.startswith("2")]
            shapes = [kind["schema"] for one in good for kind in one.get("content", {}).values()]
            download = path.endswith(("/labels", "/history", "/file"))
            assert download or all(shapes), (method, path)

"""Every route there is, asked by a stranger and by each role: a new one cannot be forgotten."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route

import mlvajra_al
from mlvajra_al.records import Role
from mlvajra_al.services import members
from mlvajra_al.store import jobs, people, projects
from mlvajra_al.web import context, edge, limits
from mlvajra_al.web.api import application
from tests.integration.conftest import Web

PAGES = Path(mlvajra_al.__file__).parent.parent / "pages"
ROLES: tuple[Role, ...] = ("annotator", "reviewer", "admin")
NEW = {"name": "other", "labels": ["ham", "spam"], "text": ["body"]}
ANSWER = {
    "event_id": "3d9b8f7e-1111-4222-8333-944444444444",
    "sample_key": "none",
    "action": "skip",
}
P = "/api/v1/projects/{project}"


@dataclass(frozen=True)
class Asked:
    """The least role a route is for, and what to ask it with so that only the role decides."""

    role: Role
    send: dict[str, Any] = field(default_factory=dict)


API: dict[str, Asked] = {
    "GET /api/v1/projects": Asked("annotator"),
    "POST /api/v1/projects": Asked("admin", {"json": NEW}),
    f"GET {P}": Asked("annotator"),
    f"GET {P}/members": Asked("admin"),
    f"POST {P}/members": Asked("admin", {"json": {"name": "Owner"}}),
    f"DELETE {P}/members": Asked("admin", {"params": {"name": "Owner"}}),
    f"PATCH {P}/policy": Asked("admin", {"json": {"strategy": "entropy"}}),
    f"PUT {P}/access": Asked("admin", {"json": {"restricted": False}}),
    f"POST {P}/import": Asked("admin", {"params": {"name": "x.csv"}, "content": b"body\nhi\n"}),
    f"GET {P}/labels": Asked("reviewer"),
    f"GET {P}/history": Asked("reviewer"),
    "POST /api/v1/uploads": Asked("admin", {"params": {"name": "x.csv"}, "content": b"a\n1\n"}),
    f"POST {P}/claims": Asked("annotator", {"json": {}}),
    f"DELETE {P}/claims": Asked("annotator"),
    f"POST {P}/claims/heartbeat": Asked("annotator", {"json": {}}),
    f"GET {P}/progress": Asked("annotator"),
    f"POST {P}/annotations": Asked("annotator", {"json": [ANSWER]}),
    f"GET {P}/annotations": Asked("annotator"),
    f"GET {P}/annotations/newest": Asked("annotator"),
    f"POST {P}/jobs": Asked("admin", {"json": {"kind": "retrain"}}),
    f"GET {P}/jobs": Asked("annotator"),
    "GET /api/v1/jobs/{job_id}": Asked("reviewer"),
    "DELETE /api/v1/jobs/{job_id}": Asked("admin"),
    "GET /api/v1/jobs/{job_id}/file": Asked("reviewer"),
    f"POST {P}/predict": Asked("reviewer", {"json": {"rows": [{"body": "hi"}]}}),
    f"POST {P}/predict/file": Asked("admin", {"params": {"name": "x.csv"}, "content": b"a\n1\n"}),
    f"GET {P}/versions": Asked("annotator"),
    f"GET {P}/versions/{{number}}": Asked("annotator"),
    f"GET {P}/versions/{{number}}/report": Asked("annotator"),
    f"GET {P}/versions/{{number}}/mistakes": Asked("admin"),
    f"GET {P}/versions/{{number}}/explanation": Asked("annotator"),
    f"GET {P}/versions/{{number}}/advice": Asked("annotator"),
    f"GET {P}/examination": Asked("reviewer"),
    f"GET {P}/doubts": Asked("reviewer"),
    f"POST {P}/simulations": Asked("admin", {"json": {}}),
    f"GET {P}/simulations": Asked("reviewer"),
    f"GET {P}/simulations/{{run_id}}": Asked("reviewer"),
    f"POST {P}/versions/{{number}}/promote": Asked("admin", {"json": {}}),
    f"POST {P}/rollback": Asked("admin", {"json": {}}),
}
PUBLIC = {
    "/healthz",
    "/readyz",
    "/account/login",
    "/account/logout",
    "/account/setup",
    "/account/join",
    "/account/style.css",
    "/account/logo.png",
    "/account/oidc/start",
    "/account/oidc/callback",
}
SIGNED_IN = {
    "/home",
    "/account/me",
    "/account/password",
    "/account/tokens",
    "/account/sessions/end-others",
    "/account/sessions/{session_id:int}/end",
    "/account/oidc/unlink",
    "/metrics",
    "/api/docs",
    "/api/openapi.json",
}


def _flat(routes: list[BaseRoute], under: str = "") -> Iterator[tuple[str, Any]]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _flat(list(route.routes), under + route.path)
        elif hasattr(route, "original_router"):  # how FastAPI keeps an included router
            yield from _flat(list(route.original_router.routes), under)
        else:
            yield under + getattr(route, "path", ""), route


def _described() -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} /api/v1{path}": operation
        for path, methods in application.build().openapi()["paths"].items()
        for method, operation in methods.items()
    }


def _client(web: Web, role: Role | None) -> httpx.Client:
    return web.browser() if role is None else web.program(f"the {role}", role)


@pytest.fixture
def project(web: Web) -> str:
    """A project without a pool, and a job of an admin's in it, which is number 1."""
    admin = web.program("Owner", "admin")
    assert admin.post("/api/v1/projects", json=NEW | {"name": "spam"}).status_code == 201
    with web.store.begin() as connection:
        owner, made = people.by_name(connection, "Owner")[0], projects.by_name(connection, "spam")
        asked = {"payload": {}, "now": context.now(), "person_id": owner.id}
        assert jobs.enqueue(connection, made.id, "retrain", **asked) == 1
    return "spam"


def _ask(client: httpx.Client, name: str, project: str) -> httpx.Response:
    method, path = name.split(" ")
    address = path.format(project=project, job_id=1, number=1, run_id=1)
    return client.request(method, address, **API[name].send)


def test_every_route_of_the_app_is_in_these_tables() -> None:
    api = {
        f"{method} {path}"
        for path, route in _flat(edge.routes())
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    plain = {path for path, route in _flat(edge.routes()) if type(route) is Route}

    assert api == {*API} == {*_described()}
    assert plain == PUBLIC | SIGNED_IN


def test_files_are_taken_where_the_limits_say_so_and_nowhere_else() -> None:
    streamed = {
        name
        for name, operation in _described().items()
        if name.startswith("POST ")
        and "application/json" not in operation["requestBody"]["content"]
    }
    assert {name for name in API if limits.takes_file(name.split(" ")[1])} == streamed


def test_a_stranger_gets_401_from_every_route_of_the_api(web: Web, project: str) -> None:
    stranger = web.browser()
    answers = {name: _ask(stranger, name, project) for name in API}

    assert {name for name, answer in answers.items() if answer.status_code != 401} == set()
    assert {answer.json()["error"]["type"] for answer in answers.values()} == {"NotSignedIn"}


@pytest.mark.parametrize("role", ROLES)
def test_every_route_of_the_api_is_for_its_role_and_those_above(
    web: Web, project: str, role: Role
) -> None:
    client = _client(web, role)
    refused = {name for name in API if _ask(client, name, project).status_code == 403}

    above = {name for name, asked in API.items() if ROLES.index(asked.role) > ROLES.index(role)}
    assert refused == above


@pytest.mark.parametrize("role", ["annotator", "reviewer"])
def test_a_project_one_may_not_see_answers_as_one_that_does_not_exist(
    web: Web, project: str, role: Role
) -> None:
    owner = web.person("Another owner", "admin")
    members.set_restricted(web.store, owner, project, restricted=True, now=context.now())
    client = _client(web, role)
    of_projects = [name for name in API if "{project}" in name]

    for name in of_projects:
        hidden, absent = _ask(client, name, project), _ask(client, name, "nowhere")
        assert hidden.status_code == absent.status_code, name
        assert hidden.text == absent.text.replace("nowhere", project), name
    for name in ("GET /api/v1/jobs/{job_id}", "GET /api/v1/jobs/{job_id}/file"):
        assert _ask(client, name, project).status_code == 404, name
    assert client.get("/api/v1/projects").json() == []


def test_plain_routes_are_closed_to_strangers_unless_they_are_public(web: Web) -> None:
    stranger = web.browser()
    answers = {path: stranger.get(path) for path in PUBLIC | SIGNED_IN}

    for path, answer in answers.items():
        if path in PUBLIC:
            assert answer.status_code in (200, 404, 410), path
        elif path.startswith(("/api", "/metrics")):
            assert answer.status_code == 401, path
        else:
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/account/login?next="), path


@pytest.mark.parametrize("page", sorted(path.name for path in PAGES.glob("*.py")))
def test_the_first_thing_a_page_does_is_to_ask_who_is_there(page: str) -> None:
    body = ast.parse((PAGES / page).read_text()).body
    functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}

    first = _first_call(body)
    if first in functions:
        first = _first_call(functions[first].body)

    assert first == "require_role"


def _first_call(body: list[ast.stmt]) -> str:
    done = (node for node in body if not isinstance(node, ast.FunctionDef | ast.ClassDef))
    calls = (inner for node in done for inner in ast.walk(node) if isinstance(inner, ast.Call))
    return ast.unparse(next(calls).func)


def test_the_description_of_the_api_shows_no_private_path(web: Web) -> None:
    text = json.dumps(web.program("Reader").get("/api/openapi.json").json())

    assert str(web.store.home) not in text
    assert str(PAGES.parent) not in text

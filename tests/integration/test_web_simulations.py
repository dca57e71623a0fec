"""Simulations by programs: upload, begin, read what came of it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.integration.conftest import Web
from tests.workers import work

P = "/api/v1/projects/spam"
NEW = {"name": "spam", "labels": ["ham", "spam"], "text": ["body"], "key_column": "id"}
ROWS = "".join(f"{n % 7},{n % 11 + 4 * (n % 2)},{'tall' if n % 2 else 'flat'}\n" for n in range(60))
COLUMNS = [{"name": "width", "kind": "numeric"}, {"name": "height", "kind": "numeric"}]
BODY = {
    "label": "kind", "columns": COLUMNS, "strategies": ["margin", "random"],
    "batch": 5, "seeds": 1, "most": 20,
}  # fmt: skip


@pytest.fixture
def admin(web: Web, monkeypatch: pytest.MonkeyPatch) -> httpx.Client:
    """An admin's program, with a project."""
    monkeypatch.setenv("MLVAJRA_PROCESSES", "1")
    program = web.program("Ada", "admin")
    assert program.post("/api/v1/projects", json=NEW).status_code == 201
    return program


@pytest.fixture
def upload(admin: httpx.Client) -> str:
    sent = admin.post(
        "/api/v1/uploads?name=boxes.csv", content=f"width,height,kind\n{ROWS}".encode()
    )
    found: str = sent.json()["upload"]
    return found


def test_a_program_begins_a_simulation_and_reads_every_game(
    web: Web, admin: httpx.Client, upload: str
) -> None:
    begun = admin.post(f"{P}/simulations", json=BODY | {"upload": upload})
    assert begun.status_code == 202
    run = begun.json()
    assert (run["state"], run["games"], run["advice"], run["facts"]) == ("queued", 0, None, None)
    assert run["result"]["advice"] is None, "nothing was played that could have reached anything"
    work(web.store)
    whole = admin.get(f"{P}/simulations/{run['id']}").json()
    assert (whole["state"], whole["games"]) == ("done", 2)
    assert {*whole["result"]["strategies"]} == {"margin", "random"}
    assert whole["facts"]["labels"] == [["flat", 30], ["tall", 30]]
    [line] = admin.get(f"{P}/simulations").json()
    assert line["advice"] == whole["result"]["advice"] == whole["advice"]
    assert "facts" not in line
    job = admin.get(f"/api/v1/jobs/{run['job_id']}").json()
    assert (job["kind"], job["result"]["games"]) == ("simulate", 2)


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({}, 404, "there is no upload"),
        ({"upload": "../../x"}, 404, "there is no upload"),
        ({"truth": "pool", "label": None}, 422, "name the column that holds the true labels"),
        ({"truth": "pool", "seeds": 0}, 422, "seeds is 0 but must be 1 to 50"),
        ({"truth": "pool", "most": 10**30}, 422, "must be 1 to 20,000"),
        ({"truth": "pool", "columns": []}, 422, "the model needs at least one input column"),
        ({"truth": "pool", "label": "a\x00b"}, 422, "has a NUL in its name"),
        ({"truth": "oracle"}, 422, "truth"),
        ({"truth": "pool", "stratgies": []}, 422, "stratgies"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_sentence(
    admin: httpx.Client, more: dict[str, Any], status: int, said: str
) -> None:
    answer = admin.post(f"{P}/simulations", json=BODY | more)
    assert answer.status_code == status
    assert said in answer.text


def test_half_a_character_in_the_name_of_a_column_stops_no_list(admin: httpx.Client) -> None:
    bodies = {
        f"{P}/simulations": json.dumps(BODY | {"truth": "pool", "label": "\ud83c"}),
        "/api/v1/projects": json.dumps({"name": "x", "labels": ["a", "b"], "text": ["\ud83c"]}),
    }
    for path, body in bodies.items():
        headers = {"Content-Type": "application/json"}
        answer = admin.post(path, content=body, headers=headers)
        assert answer.status_code == 422
        assert "half a character" in answer.text
        assert admin.get(path).status_code == 200


def test_without_columns_the_models_own_are_played_with(admin: httpx.Client) -> None:
    given = {"truth": "answers", "seeds": 1, "strategies": ["random"]}
    run = admin.post(f"{P}/simulations", json=given).json()
    assert run["recipe"] == {
        "columns": [{"name": "body", "kind": "text", "written": "plain"}],
        "estimator": "logistic_regression",
    }


def test_annotators_neither_begin_nor_see_simulations(web: Web, admin: httpx.Client) -> None:
    grace = web.program("Grace", "annotator")
    assert grace.post(f"{P}/simulations", json=BODY | {"truth": "pool"}).status_code == 403
    assert grace.get(f"{P}/simulations").status_code == 403
    assert grace.get(f"{P}/simulations/1").status_code == 403
    assert admin.get(f"{P}/simulations/1").status_code == 404

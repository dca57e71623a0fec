"""The API from a new project to an export, on a real pool; with the worker's own turn."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import pytest

from mlvajra_al.services import people, predicting
from mlvajra_al.services.jobs import warm
from mlvajra_al.store import audit
from mlvajra_al.web import context
from mlvajra_al.web.api import models, shapes
from tests.factories import a_project, a_report, a_version
from tests.integration.conftest import Web
from tests.workers import a_worker, work

LINES = "\n".join(
    json.dumps({"id": f"m{n}", "body": f"message {n} about {'money' if n % 2 else 'lunch'}"})
    for n in range(200)
)
NEW = {"name": "spam", "labels": ["ham", "spam"], "text": ["body"], "key_column": "id"}
P = "/api/v1/projects/spam"


@pytest.fixture
def admin(web: Web) -> httpx.Client:
    """An admin's program."""
    return web.program("Ada", "admin")


@pytest.fixture
def annotator(web: Web, admin: httpx.Client) -> Iterator[httpx.Client]:
    """An annotator's browser, with a project that has a pool."""
    assert admin.post("/api/v1/projects", json=NEW).status_code == 201
    assert admin.post(f"{P}/import?name=mails.jsonl", content=LINES.encode()).status_code == 202
    work(web.store)
    yield web.signed_in("Grace")


def _answer(claim: dict[str, Any], label: str = "ham", **more: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid.uuid4()),
        "claim_id": claim["claim_id"],
        "sample_key": claim["sample_key"],
        "action": "answer",
        "label": label,
    } | more


def test_from_a_new_project_to_an_export(
    web: Web, admin: httpx.Client, annotator: httpx.Client
) -> None:
    claims = annotator.post(f"{P}/claims", json={"n": 6}).json()
    assert len({claim["sample_key"] for claim in claims}) == 6
    assert {*claims[0]} == {"claim_id", "sample_key", "card", "lease_until", "why"}
    [block] = claims[0]["card"]["blocks"]
    assert block["kind"] == "text"
    assert block["text"].startswith("message ")

    stored = annotator.post(f"{P}/annotations", json=[_answer(claims[0], person="Grace")])
    assert stored.status_code == 201
    [recorded] = stored.json()
    assert {*recorded} == {"event_id", "sample_key", "seq", "repeat", "late"}
    assert (recorded["repeat"], recorded["late"]) == (False, False)

    ids = [claim["claim_id"] for claim in claims]
    beat = annotator.post(f"{P}/claims/heartbeat", json={"claims": ids}).json()
    assert beat["held"] == ids[1:]
    assert beat["counts"] == {"ham": 1, "spam": 0}
    assert (beat["mine"], beat["answered"], beat["left"]) == (1, 1, 199)
    assert (beat["until_retrain"], beat["retrain_every"]) == (19, 20)
    assert (beat["version"], beat["champion"]) == (None, None)
    assert beat["loop_state"] == "waiting"
    assert beat["loop_message"]
    assert [(label["name"], label["key"]) for label in beat["labels"]] == [
        ("ham", "1"),
        ("spam", "2"),
    ]

    assert annotator.request("DELETE", f"{P}/claims", json={"claims": ids[1:3]}).json() == {
        "released": 2
    }
    assert annotator.delete(f"{P}/claims").json() == {"released": 3}

    [event] = admin.get(f"{P}/annotations").json()
    assert (event["person"], event["label"]) == ("Grace", "ham")
    assert event["why"]["strategy"]
    labels = admin.get(f"{P}/labels?format=jsonl")
    assert labels.headers["content-disposition"].endswith("spam-labels.jsonl")
    [line] = labels.text.splitlines()
    assert json.loads(line)["key"] == claims[0]["sample_key"]


def test_an_answer_sent_twice_is_stored_once_and_marked(annotator: httpx.Client) -> None:
    [claim] = annotator.post(f"{P}/claims", json={"n": 1}).json()
    answer = _answer(claim)

    first, second = (annotator.post(f"{P}/annotations", json=[answer]).json()[0] for _ in "ab")

    assert (first["repeat"], second["repeat"]) == (False, True)
    assert first["seq"] == second["seq"]


def test_a_page_of_somebody_else_gives_nothing_back(annotator: httpx.Client) -> None:
    [claim] = annotator.post(f"{P}/claims", json={"n": 1}).json()
    mine = {"claims": [claim["claim_id"]]}

    refused = annotator.request("DELETE", f"{P}/claims", json=mine | {"person": "Ada"})

    assert (refused.status_code, refused.json()["error"]["type"]) == (409, "WrongPerson")
    assert annotator.request("DELETE", f"{P}/claims", json=mine).json() == {"released": 1}


def test_an_answer_of_somebody_else_is_refused_and_not_stored(
    admin: httpx.Client, annotator: httpx.Client
) -> None:
    [claim] = annotator.post(f"{P}/claims", json={"n": 1}).json()

    answer = annotator.post(f"{P}/annotations", json=[_answer(claim, person="Ada")])

    assert answer.status_code == 409
    assert answer.json()["error"]["type"] == "WrongPerson"
    assert answer.json()["error"]["detail"] == {"sent": "Ada", "signed_in": "Grace"}
    assert admin.get(f"{P}/annotations").json() == []


def test_of_several_answers_the_one_is_named_for_which_none_is_stored(
    annotator: httpx.Client,
) -> None:
    good, bad = (_answer(claim) for claim in annotator.post(f"{P}/claims", json={"n": 2}).json())
    bad["label"] = "eggs"

    several, alone = (annotator.post(f"{P}/annotations", json=s) for s in ([good, bad], [bad]))

    assert (several.status_code, alone.status_code) == (422, 422)
    assert several.json()["error"]["detail"] == {"refused": bad["event_id"]}
    assert alone.json()["error"]["detail"] == {}
    assert annotator.get(f"{P}/annotations").json() == []


def test_skip_flag_correct_and_retract(annotator: httpx.Client) -> None:
    first, second = annotator.post(f"{P}/claims", json={"n": 2}).json()
    said = _answer(first, comment="odd\x00", elapsed_ms=812.4, client_time="2026-11-23T12:00:00Z")
    events = [
        said,
        _answer(second, None, action="flag", comment="not an e-mail"),
        _answer(first, "spam", supersedes=said["event_id"]),
        _answer(first, None, action="retract", claim_id=None),
    ]

    answer = annotator.post(f"{P}/annotations", json=events)

    assert answer.status_code == 201, answer.text
    stored = annotator.get(f"{P}/annotations").json()
    assert [event["action"] for event in stored] == ["answer", "flag", "answer", "retract"]
    assert (stored[0]["elapsed_ms"], stored[0]["comment"]) == (812, "odd")
    assert stored[2]["supersedes"] == said["event_id"]
    assert [event["action"] for event in annotator.get(f"{P}/annotations?current=true").json()] == [
        "flag",
        "retract",
    ]


def test_what_one_said_last_comes_back_with_its_card_and_without_what_tells_the_holdout(
    admin: httpx.Client, annotator: httpx.Client
) -> None:
    first, second, third = annotator.post(f"{P}/claims", json={"n": 3}).json()
    [others] = admin.post(f"{P}/claims", json={"n": 1}).json()
    admin.post(f"{P}/annotations", json=[_answer(others, "ham")])
    said = [
        _answer(first, "ham"),
        _answer(second, None, action="flag", comment="not an e-mail"),
        _answer(third, "spam"),
        _answer(third, None, action="retract", claim_id=None),
    ]
    annotator.post(f"{P}/annotations", json=said)

    found = annotator.get(f"{P}/annotations/newest?person=Grace").json()

    assert found == [
        {
            "event_id": event["event_id"],
            "sample_key": claim["sample_key"],
            "action": event["action"],
            "label": event["label"],
            "comment": event.get("comment", ""),
            "card": claim["card"],
        }
        for event, claim in ((said[1], second), (said[0], first))
    ]
    only = annotator.get(f"{P}/annotations/newest?limit=1").json()
    assert only == found[:1]
    assert annotator.get(f"{P}/annotations/newest?limit=0").status_code == 422
    strange = annotator.get(f"{P}/annotations/newest?person=Ada")
    assert strange.json()["error"]["type"] == "WrongPerson"


def test_annotations_come_in_pages_and_annotators_see_their_own_without_reasons(
    web: Web, admin: httpx.Client, annotator: httpx.Client
) -> None:
    for client, label in ((annotator, "ham"), (admin, "spam"), (annotator, "spam")):
        [claim] = client.post(f"{P}/claims", json={"n": 1}).json()
        client.post(f"{P}/annotations", json=[_answer(claim, label)])

    first = admin.get(f"{P}/annotations?limit=2").json()
    rest = admin.get(f"{P}/annotations?limit=2&after={first[-1]['seq']}").json()
    mine = annotator.get(f"{P}/annotations").json()

    assert [event["seq"] for event in first + rest] == [1, 2, 3]
    assert [event["seq"] for event in mine] == [1, 3]
    assert {event["why"] for event in mine} == {None}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("POST", "/api/v1/projects/nix/claims", None, 404, "NotFound"),
        ("POST", f"{P}/claims", {"n": 0}, 422, "Invalid"),
        ("POST", f"{P}/claims", {"n": "many"}, 422, "Invalid"),
        ("POST", f"{P}/annotations", [], 422, "Invalid"),
        ("POST", f"{P}/annotations", {"event_id": "x"}, 422, "Invalid"),
        ("POST", f"{P}/jobs", {"kind": "retrain"}, 403, "NotAllowed"),
        ("POST", f"{P}/jobs", {"kind": "dance"}, 422, "Invalid"),
        ("POST", f"{P}/versions/1/promote", {}, 403, "NotAllowed"),
        ("POST", f"{P}/rollback", {}, 403, "NotAllowed"),
        ("GET", f"{P}/versions/9", None, 404, "NotFound"),
        ("GET", f"{P}/versions/{10**30}", None, 404, "NotFound"),
        ("GET", f"{P}/versions/9/report", None, 404, "NotFound"),
        ("GET", f"{P}/versions/9/explanation", None, 404, "NotFound"),
        ("GET", f"{P}/labels", None, 403, "NotAllowed"),
        ("GET", f"{P}/labels?format=xml", None, 422, "Invalid"),
        ("GET", "/api/v1/jobs/99999", None, 404, "NotFound"),
        ("POST", "/api/v1/projects", NEW, 403, "NotAllowed"),
        ("POST", f"{P}/predict", {"rows": [{"body": "hi"}]}, 403, "NotAllowed"),
        ("GET", "/api/v1/nowhere", None, 404, "NotFound"),
        ("GET", "/api/projects", None, 404, "NotFound"),
        ("POST", "/api/v2/projects", NEW, 404, "NotFound"),
        ("PUT", f"{P}/claims", {}, 405, "MethodNotAllowed"),
        ("POST", f"{P}/import?name=x.csv", None, 403, "NotAllowed"),
    ],
)
def test_errors_have_one_shape_and_the_right_status(
    annotator: httpx.Client, method: str, path: str, body: Any, status: int, kind: str
) -> None:
    answer = annotator.request(method, path, json=body)

    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert {*error} == {"type", "message", "detail"}
    assert error["type"] == kind
    assert error["message"]


def test_half_a_character_stops_no_answer(annotator: httpx.Client) -> None:
    [one, two] = annotator.post(f"{P}/claims", json={"n": 2}).json()
    annotator.headers["Content-Type"] = "application/json"
    cut = json.dumps([_answer(one, comment="smile \ud83d")])
    elsewhere = json.dumps([_answer(two) | {"sample_key": "\ud83d", "person": "\ud83d"}])
    nowhere = json.dumps([_answer(two, claim_id=None) | {"sample_key": "\ud83d"}])

    assert annotator.post(f"{P}/annotations", content=cut).status_code == 201
    assert annotator.post(f"{P}/annotations", content=elsewhere).status_code == 409
    assert annotator.post(f"{P}/annotations", content=nowhere).status_code == 422
    assert annotator.get(f"{P}/annotations").json()[0]["comment"] == "smile ?"


def test_a_clock_at_the_end_of_time_is_refused(annotator: httpx.Client) -> None:
    [claim] = annotator.post(f"{P}/claims", json={"n": 1}).json()
    late = _answer(claim, client_time="9999-12-31T23:59:59-14:00")

    assert annotator.post(f"{P}/annotations", json=[late]).status_code == 422


@pytest.mark.parametrize(
    "label",
    ["half\x00", {"name": "ham", "display": "h" * 201}, {"name": "ham", "colour": "#123456"}],
)
def test_a_label_that_cannot_be_stored_is_refused(admin: httpx.Client, label: Any) -> None:
    made = admin.post("/api/v1/projects", json=NEW | {"labels": ["spam", label]})

    assert made.status_code == 422


def test_annotators_cannot_find_out_from_a_version_what_is_held_out(
    web: Web, admin: httpx.Client, annotator: httpx.Client
) -> None:
    _retrain(web, admin, annotator)

    snapshot = {"label_fingerprint", "label_seq", "seed"}
    assert snapshot <= {*admin.get(f"{P}/versions/1").json()}
    assert not snapshot & {*annotator.get(f"{P}/versions/1").json()}


def test_an_unknown_error_tells_a_number_and_no_internals(
    web: Web, admin: httpx.Client, annotator: httpx.Client
) -> None:
    with web.store.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE slot RENAME TO secret_internal_name")

    answer = annotator.post(f"{P}/claims")

    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "Internal"
    assert "secret_internal_name" not in answer.text
    assert "sqlite" not in answer.text.lower()


def test_a_file_may_come_as_a_form_too(web: Web, admin: httpx.Client) -> None:
    admin.post("/api/v1/projects", json=NEW)

    sent = admin.post(f"{P}/import", files={"file": ("mails.jsonl", LINES.encode())})
    work(web.store)

    job = admin.get(f"/api/v1/jobs/{sent.json()['id']}").json()
    assert (job["state"], job["result"]["added"]) == ("done", 200)


def test_an_upload_over_the_limit_is_refused_however_it_is_sent(
    web: Web, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlvajra_al.config import settings

    monkeypatch.setenv("MLVAJRA_MAX_UPLOAD_MB", "1")
    settings.cache_clear()
    admin.post("/api/v1/projects", json=NEW)
    big = b"x" * (2 * 2**20)

    def pieces() -> Iterator[bytes]:
        for _ in range(32):
            yield big[: 2**16]

    answers = [
        admin.post(f"{P}/import?name=big.csv", content=big),
        admin.post(f"{P}/import?name=big.csv", content=pieces()),
        admin.post(f"{P}/import", files={"file": ("big.csv", big)}),
    ]

    assert [answer.status_code for answer in answers] == [413, 413, 413]
    assert "mlvajra import" in answers[0].json()["error"]["message"]
    assert not [*(web.store.home / "uploads").glob("*/*")]


def test_a_file_without_a_name_is_refused(admin: httpx.Client) -> None:
    admin.post("/api/v1/projects", json=NEW)

    answer = admin.post(f"{P}/import", content=b"a,b\n1,2\n")

    assert answer.status_code == 422
    assert "add ?name=FILE" in answer.json()["error"]["message"]


def test_a_project_takes_labels_with_keys_and_colours(admin: httpx.Client) -> None:
    labels = [{"name": "ham", "display": "Ham!", "key": "h", "color": "#123456"}, "spam"]

    made = admin.post("/api/v1/projects", json=NEW | {"labels": labels, "retrain_every": 5})

    assert made.status_code == 201
    [ham, spam] = made.json()["labels"]
    assert (ham["display"], ham["key"], ham["color"]) == ("Ham!", "h", "#123456")
    assert spam["name"] == "spam"
    assert made.json()["policy"]["retrain_every"] == 5
    assert not {"seed", "holdout_threshold"} & {*made.json()}
    assert admin.get(P).json() == admin.get("/api/v1/projects").json()[0]


def test_how_a_project_asks_is_chosen_and_changed(admin: httpx.Client) -> None:
    made = admin.post("/api/v1/projects", json=NEW | {"strategy": "margin"})
    assert (made.status_code, made.json()["policy"]["strategy"]) == (201, "margin")

    changed = admin.patch(f"{P}/policy", json={"strategy": "entropy", "overlap": 2})

    assert changed.status_code == 200
    before, after = made.json()["policy"], changed.json()["policy"]
    assert after == before | {"strategy": "entropy", "overlap": 2} == admin.get(P).json()["policy"]
    refused = admin.patch(f"{P}/policy", json={"strategy": "psychic"})
    assert refused.status_code == 422
    assert "no query strategy 'psychic'" in refused.json()["error"]["message"]
    assert admin.patch(f"{P}/policy", json={"holdout_share": 0.5}).status_code == 422


def test_the_description_is_a_page_of_ours_and_names_every_route(admin: httpx.Client) -> None:
    description = admin.get("/api/openapi.json")
    browser_page = admin.get("/api/docs").text

    assert description.status_code == 200
    for path in description.json()["paths"]:
        assert f"/api/v1{path}" in browser_page
    assert "<script" not in browser_page
    assert "`" not in browser_page
    assert "<code>Authorization: Bearer TOKEN</code>" in browser_page
    assert "https://" not in browser_page
    said = unescape(browser_page)
    assert said.count("<summary>Answer ") >= len(description.json()["paths"])
    assert '"label": "string | [string] | null",\n    "claim_id": "string | null"' in said
    assert "<td>csv | jsonl | parquet</td>" in said
    assert "…" not in said, "what stands deep in an answer is shown too"


def test_a_form_in_the_place_of_json_is_told_what_to_send(admin: httpx.Client) -> None:
    refused = admin.post("/api/v1/projects", data={"name": "x"})
    assert refused.status_code == 422
    assert refused.json()["error"]["message"] == (
        "the body is not sent as JSON; send Content-Type: application/json"
    )


def test_a_body_of_other_letters_than_utf_8_is_told_what_to_send(admin: httpx.Client) -> None:
    body, sent = '{"name": "Größe"}'.encode("latin-1"), {"Content-Type": "application/json"}
    refused = admin.post("/api/v1/projects", content=body, headers=sent)
    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == "the body is not in UTF-8; send JSON in UTF-8"


def test_an_admin_asks_for_a_retrain_and_sees_and_cancels_the_job(
    web: Web, admin: httpx.Client, annotator: httpx.Client
) -> None:
    refused = admin.post(f"{P}/jobs", json={"kind": "retrain", "mode": "full"})
    assert (refused.status_code, refused.json()["error"]["type"]) == (409, "NotEnoughLabels")
    assert "two different labels are needed; there are 0" in refused.json()["error"]["message"]
    assert admin.get(f"{P}/jobs").json()[0]["kind"] != "retrain", "nothing was queued"

    _label(annotator, *("ham", "spam") * 9)
    asked = admin.post(f"{P}/jobs", json={"kind": "retrain", "mode": "full"})
    assert asked.status_code == 202
    job = asked.json()
    assert (job["kind"], job["state"], job["person"]) == ("retrain", "queued", "Ada")

    assert annotator.get(f"/api/v1/jobs/{job['id']}").status_code == 403
    assert job["id"] in {item["id"] for item in admin.get(f"{P}/jobs").json()}
    assert admin.delete(f"/api/v1/jobs/{job['id']}").json()["state"] == "cancelled"


def test_a_new_password_set_by_an_admin_ends_api_tokens(web: Web, admin: httpx.Client) -> None:
    assert admin.get("/api/v1/projects").status_code == 200

    people.set_password(web.store, None, name="Ada", password="a new password", now=context.now())

    assert admin.get("/api/v1/projects").status_code == 401


def test_an_annotator_sees_a_models_opinion_of_a_sample_only_after_their_own(
    web: Web, admin: httpx.Client, annotator: httpx.Client
) -> None:
    answered_key = _retrain(web, admin, annotator)
    [claim] = annotator.post(f"{P}/claims", json={"n": 1}).json()
    why = f"{P}/versions/1/explanation"

    waiting = annotator.get(why, params={"sample_key": claim["sample_key"]})
    answered = annotator.get(why, params={"sample_key": answered_key})
    reviewer = web.program("Rita", "reviewer")
    asked = reviewer.get(why, params={"sample_key": claim["sample_key"]})
    typed = annotator.post(f"{P}/predict", json={"rows": [{"body": "message 1 about money"}]})

    assert (waiting.status_code, typed.status_code) == (403, 403)
    assert "a sample they have not answered" in waiting.json()["error"]["message"]
    assert (answered.status_code, asked.status_code) == (202, 202)


def _retrain(web: Web, admin: httpx.Client, annotator: httpx.Client) -> str:
    """Label enough for both labels to be among the samples to learn from, and retrain.

    Returns
    -------
    str
        The key of a sample that was answered.
    """
    answered = _label(annotator, *("ham", "spam") * 9)
    admin.post(f"{P}/jobs", json={"kind": "retrain"})
    work(web.store)
    return answered


def _label(annotator: httpx.Client, *labels: str) -> str:
    """Answer one sample after the other and return the key of the last."""
    for label in labels:
        [claim] = annotator.post(f"{P}/claims", json={"n": 1}).json()
        annotator.post(f"{P}/annotations", json=[_answer(claim, label)])
    return str(claim["sample_key"])


def test_versions_are_judged_promoted_and_rolled_back(
    web: Web, admin: httpx.Client, annotator: httpx.Client
) -> None:
    assert admin.get(f"{P}/versions").json() == []
    for _ in "ab":
        _retrain(web, admin, annotator)
    first, second = admin.get(f"{P}/versions").json()
    assert (first["champion"], second["champion"], second["parent"]) == (True, False, 1)
    assert admin.get(f"{P}/versions/1/report").json()["version"] == 1

    moves = [
        admin.post(f"{P}/versions/2/promote", json={"expected": None}),
        admin.post(f"{P}/versions/2/promote", json={"expected": 1, "reason": "better"}),
        admin.post(f"{P}/versions/2/promote"),
        admin.post(f"{P}/rollback", json={"reason": "worse", "expected": 1}),
        admin.post(f"{P}/rollback", json={"reason": "worse", "expected": 2}),
        admin.post(f"{P}/rollback"),
        admin.post(f"{P}/versions/2/promote"),
    ]

    assert [move.status_code for move in moves] == [409, 200, 409, 409, 200, 409, 200]
    assert (moves[1].json(), moves[4].json()) == ({"champion": 2}, {"champion": 1})
    asked = admin.post(f"{P}/jobs", json={"kind": "evaluate", "versions": [1, 2]})
    work(web.store)
    verdict = admin.get(f"/api/v1/jobs/{asked.json()['id']}").json()["result"]["verdict"]
    assert (verdict["champion"], verdict["challenger"]) == (2, 1), "the champion comes first"
    wrong = admin.post(f"{P}/jobs", json={"kind": "evaluate", "versions": [1, 1]})
    assert "two different ones, not [1, 1]" in wrong.json()["error"]["message"]
    again = admin.post(f"{P}/jobs", json={"kind": "evaluate", "versions": "all"})
    assert again.status_code == 409, "all are measured with the answers there are"


def test_a_version_answers_for_rows_files_and_the_pool(
    web: Web, admin: httpx.Client, annotator: httpx.Client
) -> None:
    _retrain(web, admin, annotator)
    asked = [
        admin.post(f"{P}/predict", json={"rows": [{"body": "money"}]}),
        admin.post(f"{P}/predict", json={"pool": True}),
        admin.post(f"{P}/predict/file?name=new.csv", content=b"body\nlunch\nmoney\n"),
    ]
    waiting = admin.get(f"/api/v1/jobs/{asked[1].json()['id']}/file")
    work(web.store)

    ids = [answer.json()["id"] for answer in asked]
    jobs = [admin.get(f"/api/v1/jobs/{number}").json() for number in ids]
    files = [admin.get(f"/api/v1/jobs/{number}/file") for number in ids]

    assert [answer.status_code for answer in asked] == [202, 202, 202]
    assert [job["state"] for job in jobs] == ["done"] * 3
    assert jobs[0]["result"]["predictions"][0]["label"] in ("ham", "spam")
    listed = {job["id"]: job for job in admin.get(f"{P}/jobs").json()}
    assert listed[ids[0]]["result"] is None, "megabytes are for who asks for the one job"
    assert [listed[number] for number in ids[1:]] == jobs[1:]
    assert [file.status_code for file in files] == [404, 200, 200]
    assert len(files[2].text.splitlines()) == 3
    assert "attachment" in files[2].headers["content-disposition"]
    assert waiting.status_code == 404
    assert annotator.get(f"/api/v1/jobs/{ids[1]}/file").status_code == 403
    assert admin.post(f"{P}/predict", json={}).status_code == 422


def test_rows_that_cannot_be_predicted_are_refused_in_the_usual_shape(
    web: Web, admin: httpx.Client, annotator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "PATIENCE_S", 60.0)
    _retrain(web, admin, annotator)
    with a_worker(web.store):
        refused = admin.post(f"{P}/predict", json={"rows": [{"subject": "money"}]})
        answered = admin.post(f"{P}/predict", json={"rows": [{"body": "money"}]})
        bare = admin.post(f"{P}/predict", json={"rows": [{"body": "money"}], "explain": False})

    assert (refused.status_code, answered.status_code) == (422, 200)
    [reasoned], [short] = (
        shapes.PredictedJob.model_validate(item.json()).result.predictions
        for item in (answered, bare)
    )
    assert reasoned.explanation is not None and short.explanation is None
    assert short.probabilities == reasoned.probabilities
    error = refused.json()["error"]
    assert error["type"] == "Invalid"
    assert "row 1 has no 'body'" in error["message"]
    job = admin.get(f"/api/v1/jobs/{error['detail']['job']}").json()
    assert (job["state"], job["error"]) == ("failed", error["message"])
    assert job["result"] == {"type": "Invalid", "status": 422}


def test_a_prediction_that_fails_for_a_reason_of_ours_is_no_fault_of_the_rows(
    web: Web, admin: httpx.Client, annotator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "PATIENCE_S", 60.0)
    _retrain(web, admin, annotator)
    for blob in (web.store.home / "artefacts").glob("*/*"):
        blob.chmod(0o600)
        blob.write_bytes(b"scribbled over")
    warm.preprocessing.cache_clear()
    warm.estimator.cache_clear()
    with a_worker(web.store):
        answer = admin.post(f"{P}/predict", json={"rows": [{"body": "money"}]})
        said = admin.get(f"{P}/annotations").json()[0]
        why = admin.get(f"{P}/versions/1/explanation", params={"sample_key": said["sample_key"]})

    assert [(a.status_code, a.json()["error"]["type"]) for a in (answer, why)] == [
        (500, "Damaged")
    ] * 2


@pytest.mark.parametrize("name", ["virus.exe", "paper.pdf", "book.xlsx", "a.csv.zip"])
@pytest.mark.parametrize("path", ["/api/v1/uploads", f"{P}/import", f"{P}/predict/file"])
def test_a_file_that_is_named_as_something_else_is_refused_before_it_is_kept(
    web: Web, admin: httpx.Client, annotator: httpx.Client, path: str, name: str
) -> None:
    before = list((web.store.home / "uploads").iterdir())
    answer = admin.post(path, params={"name": name}, content=b"body\nhi\n")

    assert answer.status_code == 422
    assert answer.json()["error"]["type"] == "BadSource"
    assert ".csv, .tsv" in answer.json()["error"]["message"]
    assert list((web.store.home / "uploads").iterdir()) == before


@pytest.mark.parametrize("name", ["mails", "MAILS.CSV", "mails.tsv.gz", "mails.pq", "mails.gz"])
def test_a_file_with_an_ending_that_is_read_or_with_none_is_kept(
    admin: httpx.Client, name: str
) -> None:
    answer = admin.post("/api/v1/uploads", params={"name": name}, content=b"body\nhi\n")
    assert answer.status_code == 201, answer.text


def test_the_description_says_how_to_sign_in_and_what_files_and_predictions_look_like(
    admin: httpx.Client,
) -> None:
    told = admin.get("/api/openapi.json").json()
    assert told["components"]["securitySchemes"]["token"] | {"description": ""} == {
        "type": "http",
        "scheme": "bearer",
        "description": "",
    }
    operations = [one for path in told["paths"].values() for one in path.values()]
    assert all(one["security"] == [{"token": []}] for one in operations)
    for path in ("/uploads", "/projects/{project}/import", "/projects/{project}/predict/file"):
        body = told["paths"][path]["post"]["requestBody"]["content"]
        assert body["application/octet-stream"]["schema"]["format"] == "binary"
    answer = told["paths"]["/projects/{project}/predict"]["post"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/PredictedJob")
    fields = told["components"]["schemas"]["Prediction"]["properties"]
    assert {*fields} == {"label", "probability", "probabilities", "explanation"}


def test_a_wrong_token_is_called_one_and_a_missing_session_is_not(web: Web) -> None:
    stranger = web.browser()
    wrong = stranger.get("/api/v1/projects", headers={"Authorization": "Bearer nonsense"})
    none = stranger.get("/api/v1/projects")

    assert (wrong.status_code, none.status_code) == (401, 401)
    assert wrong.json()["error"]["message"].startswith("the token is wrong, has expired")
    assert none.json()["error"]["message"].startswith("you are not signed in, and no token was")
    assert "'Authorization: Bearer TOKEN'" in none.json()["error"]["message"]
    assert {answer.headers["www-authenticate"] for answer in (wrong, none)} == {"Bearer"}


def test_a_version_explains_itself_once_a_job_has_done_it(
    web: Web, admin: httpx.Client, annotator: httpx.Client
) -> None:
    _retrain(web, admin, annotator)
    said = annotator.get(f"{P}/annotations").json()[0]
    why = {"sample_key": said["sample_key"]}

    asked = [admin.get(f"{P}/versions/1/explanation", params=params) for params in ({}, why)]
    work(web.store)
    whole, one = (admin.get(f"{P}/versions/1/explanation", params=p).json() for p in ({}, why))

    assert {answer.status_code for answer in asked} <= {200, 202}
    assert (whole["version"], one["sample_key"]) == (1, said["sample_key"])
    assert sum(one["probabilities"].values()) == pytest.approx(1)
    absent = admin.get(f"{P}/versions/1/explanation", params={"sample_key": "nowhere"})
    assert absent.status_code == 404


def test_versions_come_in_pages(web: Web, admin: httpx.Client) -> None:
    project = a_project(web.store)
    for number in (1, 2, 3):
        a_version(web.store, project, number)
    a_report(web.store, project, 2)

    def numbers(query: str = "") -> list[int]:
        return [row["number"] for row in admin.get(f"{P}/versions{query}").json()]

    assert numbers() == [1, 2, 3]
    assert (numbers("?limit=2"), numbers("?limit=2&after=2")) == ([1, 2], [3])
    assert list(admin.get(f"{P}/versions/2").json()["metrics"]) == ["F1 (spam)"]
    assert admin.get(f"{P}/versions?limit=0").status_code == 422
    assert admin.get(f"{P}/versions/4").status_code == 404


def test_one_prediction_too_many_is_told_when_to_come_again(
    web: Web, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_version(web.store, a_project(web.store))
    monkeypatch.setattr(models, "PATIENCE_S", 0.0)
    monkeypatch.setattr(predicting, "MOST_WAITING", 1)
    asked = {"rows": [{"body": "hi"}]}
    assert admin.post(f"{P}/predict", json=asked).status_code == 202
    refused = admin.post(f"{P}/predict", json=asked)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert refused.json()["error"]["detail"] == {"waiting": 1, "most": 1, "seconds": 5}


@pytest.mark.parametrize(
    ("path", "status"),
    [("", 200), ("/labels?format=csv", 200), ("/versions/9", 404), ("/claims", 405)],
)
def test_head_is_answered_as_get_without_the_body(
    web: Web, admin: httpx.Client, path: str, status: int
) -> None:
    a_project(web.store)
    head = admin.head(P + path)
    assert (head.status_code, head.content) == (status, b"")
    with web.store.read() as connection:
        assert "labels exported" not in audit.actions(connection)
    got = admin.get(P + path)
    assert (got.status_code, got.headers["content-type"]) == (status, head.headers["content-type"])
    if status == 200:
        assert got.content

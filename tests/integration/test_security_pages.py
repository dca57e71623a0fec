"""A freshly started server: each page first thing, by each role, and full of hostile words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf.message import Message
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from mlvajra_al import worker
from mlvajra_al.records import Role
from mlvajra_al.services import people, projects, training
from mlvajra_al.store.database import Store
from mlvajra_al.web.context import now
from tests.factories import a_project, a_version
from tests.integration.test_web_server import PAGES, PASSWORD, started

OPEN_TO: dict[Role, set[str]] = {
    "annotator": {"home", "annotate"},
    "reviewer": {"home", "annotate", "review"},
    "admin": set(PAGES),
}
SCRIPT = "<script>evil()</script>"
ELEMENT = "<img src=x onerror=evil()>"
PICTURE = "![evil](https://evil.test/x.png)"
LINK = "[evil](javascript:evil())"
SHORTHAND = ":red[evil] $evil$ :material/evil:"
HOSTILE = f"{SCRIPT} {ELEMENT} {PICTURE} {LINK} {SHORTHAND}"
GUIDELINES = f"{SCRIPT} {ELEMENT} {PICTURE}"
"""Markdown by admins: links and bold print are meant."""
FORMULA = "=cmd|' /C evil'!A1"
NAME = "evil co._-"
P = "/api/v1/projects/evil%20co._-"
READ_AS_MARKDOWN = re.compile(r"(body|label|help|value|caption|title|text)$")
SHOWN_AS_TEXT = re.compile(
    r"selectbox|multiselect|text_area|text_input|arrow|plotly|json|bidi|data_editor|navigation"
    r"|new_session|segmented|page_config|query_string"
)


@dataclass
class Site:
    """A running server, its workspace, and a cookie for each role."""

    host: str
    store: Store
    cookies: dict[Role, str]

    def drawn(self, role: Role, page: str, query: str = "") -> list[ForwardMsg]:
        """Open a page as a browser does, and return what it is told to draw."""
        with self.opened(self.cookies[role]) as socket:
            return _opens(socket, page, query)

    def opened(self, cookie: str) -> ClientConnection:
        """Return a websocket as a browser opens it."""
        return connect(
            f"ws://{self.host}/_stcore/stream",
            additional_headers={"Cookie": f"mlv_session={cookie}"},
            origin=f"http://{self.host}",  # type: ignore[arg-type]
            subprotocols=["streamlit"],  # type: ignore[list-item]
            max_size=None,
        )


def _opens(socket: ClientConnection, page: str, query: str = "") -> list[ForwardMsg]:
    asked = BackMsg()
    asked.rerun_script.page_name = "" if page == "home" else page
    asked.rerun_script.query_string = query
    socket.send(asked.SerializeToString())
    return list(_until_finished(socket))


def _until_finished(socket: Any) -> Iterator[ForwardMsg]:
    while True:
        message = ForwardMsg.FromString(socket.recv(timeout=60))
        yield message
        if message.WhichOneof("type") == "script_finished":
            return


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that nobody has used yet, and three people."""
    folder = tmp_path_factory.mktemp("site")
    with started("python", folder, MLVAJRA_ADMIN_PASSWORD=PASSWORD) as host:
        home = folder / "workspace"
        store = Store.open(f"sqlite:///{home / 'mlvajra.db'}", home)
        for name, role in (("rita", "reviewer"), ("grace", "annotator")):
            people.add(store, None, name=name, role=role, password=PASSWORD, now=now())  # type: ignore[arg-type]
        names: dict[Role, str] = {"admin": "admin", "reviewer": "rita", "annotator": "grace"}
        cookies = {role: _cookie(host, name) for role, name in names.items()}
        yield Site(host, store, cookies)
        store.close()


def _cookie(host: str, name: str) -> str:
    form = {"name": name, "password": PASSWORD}
    answer = httpx.post(f"http://{host}/account/login", data=form, timeout=60)
    return answer.cookies["mlv_session"]


def strings(message: Message, under: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of a message with the path of its field."""
    for field, value in message.ListFields():
        path = f"{under}.{field.name}"
        many = value if field.is_repeated else [value]
        if field.type == field.TYPE_MESSAGE:
            if field.message_type.GetOptions().map_entry:
                continue
            for item in many:
                yield from strings(item, path)
        elif field.type == field.TYPE_STRING:
            for item in many:
                yield path, item


def _texts(found: list[ForwardMsg]) -> str:
    return "\n".join(text for message in found for _, text in strings(message))


REFUSED = {"heading", "alert", "page_link"}
FOR = {"review": "reviewers and admins"}


def _in_the_page(found: list[ForwardMsg]) -> list[str]:
    """Return what kinds of elements stand beside the menu, without styles."""
    deltas = [m for m in found if m.WhichOneof("type") == "delta"]
    within = [m.delta for m in deltas if m.metadata.delta_path[0] == 0]
    kinds = [delta.new_element.WhichOneof("type") for delta in within]
    return [kind for kind in kinds if kind is not None]


@pytest.mark.parametrize("role", ["annotator", "reviewer", "admin"])
def test_a_page_is_drawn_for_its_roles_and_refused_to_the_others(site: Site, role: Role) -> None:
    for page in PAGES:
        found = site.drawn(role, page)
        kinds = {message.WhichOneof("type") for message in found}
        assert "page_not_found" not in kinds, (role, page)
        said = f"{page.title()} is for {FOR.get(page, 'admins')}; ask an admin"
        refused = page not in OPEN_TO[role]
        assert (said in _texts(found)) is refused, (role, page)
        if refused:
            assert sorted(_in_the_page(found)) == sorted(REFUSED), (role, page)
        [menu] = [m.navigation for m in found if m.WhichOneof("type") == "navigation"]
        shown = {entry.url_pathname or "home" for entry in menu.app_pages if not entry.is_hidden}
        assert shown == OPEN_TO[role], role
        elements = [path for message in found for path, _ in strings(message)]
        assert not [path for path in elements if "exception" in path], (role, page)
        assert "Something went wrong" not in _texts(found), (role, page)


@pytest.fixture(scope="module")
def hostile(site: Site) -> Iterator[httpx.Client]:
    """A project in which every word that somebody can choose is hostile."""
    with httpx.Client(
        base_url=f"http://{site.host}",
        timeout=60,
        headers={"Cookie": f"mlv_session={site.cookies['admin']}"},
    ) as admin:
        _fill(site, admin)
        yield admin


def _fill(site: Site, admin: httpx.Client) -> None:
    labels = [
        {"name": ELEMENT, "display": f"{SCRIPT}{PICTURE}", "definition": HOSTILE},
        {"name": FORMULA, "display": SHORTHAND, "definition": LINK},
    ]
    new = {
        "name": NAME,
        "labels": labels,
        "columns": [{"name": "subject", "kind": "text"}, {"name": ELEMENT, "kind": "categorical"}],
        "title_column": "subject",
        "key_column": "id",
        "guidelines": GUIDELINES,
        "holdout_share": 0.0,
    }
    made = admin.post("/api/v1/projects", json=new)
    assert made.status_code == 201, made.text
    rows = [
        {"id": f"{FORMULA} {n} {ELEMENT}", "subject": f"{HOSTILE} {n}", ELEMENT: f"{LINK}{n % 3}"}
        for n in range(12)
    ]
    lines = "\n".join(map(json.dumps, rows)).encode()
    file = f"{P}/import?name=%3Cimg%20src%3Dx%20onerror%3Devil()%3E.jsonl"
    assert admin.post(file, content=lines).status_code == 202
    while worker.run_once(site.store, ELEMENT) is not None:
        pass
    claims = admin.post(f"{P}/claims", json={"n": 6}).json()
    assert len(claims) == 6
    for place, claim in enumerate(claims[:4]):
        answer = {
            "event_id": f"3d9b8f7e-1111-4222-8333-{place:012d}",
            "claim_id": claim["claim_id"],
            "sample_key": claim["sample_key"],
            "action": "flag" if place == 3 else "answer",
            "label": None if place == 3 else (ELEMENT, FORMULA)[place % 2],
            "comment": HOSTILE,
        }
        assert admin.post(f"{P}/annotations", json=[answer]).status_code == 201
    person = f"{ELEMENT} {PICTURE}"[:60]
    people.add(site.store, None, name=person, role="admin", password=PASSWORD, now=now())


def test_no_page_makes_anything_of_hostile_words(site: Site, hostile: httpx.Client) -> None:
    for page in PAGES:
        found = site.drawn("admin", page, f"project={P.rsplit('/', 1)[1]}")
        texts = [pair for message in found for pair in strings(message)]
        assert not [path for path, _ in texts if "exception" in path], page
        for path, text in texts:
            if SHOWN_AS_TEXT.search(path):
                continue
            if ".html." in path:
                assert "<script>evil" not in text and "<img src=x" not in text, (page, path)
            elif READ_AS_MARKDOWN.search(path):
                for raw in ("![evil](", "[evil](javascript", ":red[evil]", "$evil$"):
                    assert raw not in text, (page, path, text[:300])
    assert "evil" in _texts(site.drawn("admin", "home")), "the hostile project is shown"


def test_no_page_lets_markdown_hold_html_that_somebody_wrote(
    site: Site, hostile: httpx.Client
) -> None:
    for page in PAGES:
        for message in site.drawn("admin", page):
            body = message.delta.new_element.markdown
            assert not (body.allow_html and "evil" in body.body), page


@pytest.mark.parametrize("what", ["labels", "history"])
def test_what_is_exported_starts_no_formula_and_keeps_every_word(
    hostile: httpx.Client, what: str
) -> None:
    table = hostile.get(f"{P}/{what}?format=csv")
    lines = hostile.get(f"{P}/{what}?format=jsonl")

    assert (table.status_code, lines.status_code) == (200, 200)
    assert table.headers["content-type"].startswith("text/csv")
    assert "attachment" in table.headers["content-disposition"]
    assert "<" not in table.headers["content-disposition"]
    starts = re.findall(r'(?:^|,)"?([=+\-@\t\r])', table.text, re.MULTILINE)
    assert starts == []
    assert "'=cmd|" in table.text
    rows = [json.loads(line) for line in lines.text.splitlines()]
    assert {row["key"].split(" ")[0] for row in rows} == {"=cmd|'"}
    assert {row["label"] for row in rows} - {None} == {ELEMENT, FORMULA}


def test_hostile_words_come_through_the_api_as_they_were_written(hostile: httpx.Client) -> None:
    project = hostile.get(P).json()

    assert project["guidelines"] == GUIDELINES
    assert [label["name"] for label in project["labels"]] == [ELEMENT, FORMULA]
    assert hostile.get(P).headers["content-type"] == "application/json"
    assert {event["comment"] for event in hostile.get(f"{P}/annotations").json()} == {HOSTILE}


def test_an_uploaded_file_with_a_hostile_name_is_kept_under_a_plain_one(
    site: Site, hostile: httpx.Client
) -> None:
    names = {path.name for path in (Path(site.store.home) / "uploads").glob("*/*")}

    assert names <= {"_img src_x onerror_evil()_.jsonl"}


def _presses(
    socket: ClientConnection, drawn: list[ForwardMsg], button: str, query: str = ""
) -> list[ForwardMsg]:
    """Press a button; one of a fragment runs that without the page around it."""
    asked = BackMsg()
    asked.rerun_script.query_string = query
    for message in drawn:
        if message.WhichOneof("type") == "navigation":
            asked.rerun_script.page_script_hash = message.navigation.page_script_hash
        element = message.delta.new_element
        if element.button.label == button:
            asked.rerun_script.fragment_id = message.delta.fragment_id
            pressed = asked.rerun_script.widget_states.widgets.add()
            pressed.id, pressed.trigger_value = element.button.id, True
    assert len(asked.rerun_script.widget_states.widgets) == 1, f"there is no one button {button}"
    socket.send(asked.SerializeToString())
    return list(_until_finished(socket))


def test_a_page_that_stays_open_is_of_no_use_to_somebody_whose_account_was_disabled(
    site: Site, hostile: httpx.Client
) -> None:
    people.add(site.store, None, name="boss", role="admin", password=PASSWORD, now=now())
    assert hostile.post(f"{P}/jobs", json={"kind": "retrain"}).status_code == 202
    with site.opened(_cookie(site.host, "boss")) as socket:
        drawn = _opens(socket, "train", f"project={P.rsplit('/', 1)[1]}")
        people.disable(site.store, None, name="boss", now=now())
        said = _presses(socket, drawn, "Cancel")
    assert "Your session has ended" in _texts(said)
    job, *_ = training.jobs_of(site.store, None, NAME)
    assert (job.kind, job.state) == ("retrain", "queued")


def test_an_open_dialog_is_of_no_use_to_somebody_who_is_no_admin_any_more(site: Site) -> None:
    project = a_project(site.store, name="models")
    a_version(site.store, project)
    people.add(site.store, None, name="chief", role="admin", password=PASSWORD, now=now())
    with site.opened(_cookie(site.host, "chief")) as socket:
        drawn = _opens(socket, "versions", "project=models")
        asked = _presses(socket, drawn, "Promote version 1", "project=models")
        people.set_role(site.store, None, name="chief", role="annotator", now=now())
        said = _presses(socket, asked, "Promote", "project=models")
    assert "This page is for admins" in _texts(said)
    assert projects.get(site.store, None, "models").champion is None

"""The pages as a person sees them, run in this process without a browser."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from streamlit.testing.v1 import AppTest

import mlvajra_al
from mlvajra_al.records import Person, Project
from mlvajra_al.services import labelling, projects, sessions
from mlvajra_al.services.credentials import digest
from mlvajra_al.services.sessions import NOWHERE, Opened
from mlvajra_al.store import annotations as events
from mlvajra_al.store import projects as pool_of
from mlvajra_al.store.database import Store
from mlvajra_al.store.naming import Plan
from mlvajra_al.store.shards import Pool, pool_folder
from mlvajra_al.store.staging import commit, stage
from mlvajra_al.web.context import now
from tests.factories import LEASE, an_answer

ROOT = Path(mlvajra_al.__file__).parent.parent
SHELL = ROOT / "mlvajra_al" / "web" / "shell.py"


@dataclass
class Visitor:
    """A person with a session, who opens pages."""

    store: Store
    person: Person

    def opens(
        self,
        name: str,
        project: str | None = None,
        *,
        at: tuple[str, str] | None = None,
        **remembered: object,
    ) -> AppTest:
        """Return a page in the app's frame; `remembered` is what the tab has chosen before.

        `project` is the one that the address names, `at` what else it says.
        """
        app = self._app(SHELL)
        if project is not None:
            app.query_params["project"] = project
        if at is not None:
            app.query_params[at[0]] = at[1]
        for key, value in remembered.items():
            app.session_state[key] = value
        app.run()
        if name != "home":
            app.switch_page(str(ROOT / "pages" / f"{name}.py"))
            app.run()
        return app

    def opens_alone(self, name: str) -> AppTest:
        """Return a page as it would be without the app's frame round it."""
        return self._app(ROOT / "pages" / f"{name}.py").run()

    def _app(self, script: Path) -> AppTest:
        opened = Opened(NOWHERE, now(), timedelta(hours=1))
        token = self.store.write(
            lambda connection: sessions.open_for(connection, self.person, opened)
        )
        app = AppTest.from_file(str(script), default_timeout=30)
        app.user = {"session": digest(token)}
        return app


def words(app: AppTest) -> str:
    """Return everything that stands on a page, without the escapes of markdown."""
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.info, app.success)
    shown = [element.value for kind in (*kinds, app.warning, app.error) for element in kind]
    shown += [button.label for button in app.button]
    return "\n".join(shown).replace("\\", "").replace("\u2060", "")


def press(app: AppTest, label: str) -> AppTest:
    """Press the one button that says this."""
    [button] = [found for found in app.button if found.label.replace("\\", "") == label]
    return button.click().run()


def links(app: AppTest) -> list[str]:
    """Return what the links to other pages say."""
    return [link.proto.label for link in app.get("page_link")]


def handed(app: AppTest) -> list[dict[str, Any]]:
    """Return what a page gives to its parts that run in the browser."""
    found = [part.proto for part in app.get("bidi_component")]
    return [json.loads(one.json) for one in found if one.json]


def say(store: Store, person: Person, key: str, label: str | None, **how: str) -> str:
    """Store what a person says about a sample and return its event."""
    answer = an_answer(key, label, action=how.get("action", "answer"), comment=how.get("why", ""))  # type: ignore[arg-type]
    labelling.record(store, person, "spam", answers=[answer], now=now(), lease=LEASE)
    return answer.event_id


def pictures(store: Store, project: Project, found: dict[str, list[list[float]]]) -> None:
    """Give a project a pool of images."""
    grey = pa.list_(pa.list_(pa.float32(), 2), 2)
    schema = pa.schema(
        [
            pa.field("id", pa.large_string(), metadata={"kind": "ignored"}),
            pa.field("picture", grey, metadata={"kind": "image"}),
        ]
    )
    rows = [{"id": key, "picture": pixels} for key, pixels in found.items()]
    plan = Plan(project.id, "pictures", project.seed, ("picture",), key_column="id")
    folder = pool_folder(store.home, project.id)
    batches = pa.Table.from_pylist(rows, schema=schema).to_batches()
    empty = Pool(folder, ())
    staged = stage(folder, batches, existing=empty, plan=plan, at=now(), place="row {}".format)
    with store.begin() as connection:
        pool_of.add_shards(connection, commit(staged, folder))


def current(store: Store, project: Project) -> list[tuple[str, str, str | None]]:
    """Return what stands: sample, action, label."""
    with store.read() as connection:
        found = events.listed(connection, project.id, events.Filter(current=True), limit=100)
    return [(event.sample_key, event.action, event.label) for event in found]


def of_now(store: Store) -> Project:
    """Return the project as it is stored now."""
    return projects.get(store, None, "spam")

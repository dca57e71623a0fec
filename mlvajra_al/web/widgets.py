"""Pieces that several pages share: the project picker, words for numbers and times."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

import streamlit as st
from streamlit.errors import StreamlitDuplicateElementKey

from mlvajra_al.errors import MlvajraError
from mlvajra_al.records import Measure, Person, Project
from mlvajra_al.services import projects
from mlvajra_al.web.context import now, store
from mlvajra_al.web.sentences import sentence
from mlvajra_al.words import plural as plural

PAGES = Path(__file__).resolve().parents[2] / "pages"
FORMATS = {"csv": "CSV", "jsonl": "JSON Lines", "parquet": "Parquet"}
MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&])")
SPECIAL = re.compile(
    r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)"  # addresses
    r"|(?<=:)(?=[\w/+-]+:)"  # :material/delete: and :smile:
    r"|(?<=<)(?=-)|(?<=-)(?=[->])|(?<=[<>~])(?==)",  # arrows
    re.IGNORECASE,
)
ALL_ROWS = 15
"""So many rows of a table are shown at once; of more it scrolls."""
IMAGE = re.compile(r"!+\[")
WORD_JOINER = "\u2060"
"""Invisible; keeps Streamlit from making links, icons and arrows of what is somebody's data."""


def current_project(person: Person) -> Project:
    """Return the project chosen in the sidebar; say so and stop where there is none."""
    chosen = chosen_project(person)
    if chosen is not None:
        return chosen
    if person.role == "admin":
        st.info("There is no project yet. Bring your own data to make the first one.")
        page_link("data", "Import data", icon=":material/upload_file:")
    else:
        st.info("There is no project yet. Ask an admin to make one.")
    st.stop()


def chosen_project(person: Person) -> Project | None:
    """Return the project chosen in the sidebar; None where there is none to choose.

    Where the address names none that is open, say so and stop: another project's content must
    not stand under it.
    """
    found = open_projects(person)
    name = picked_project(found)
    if name is None or name in found:
        return None if name is None else found[name]
    missing_project(person, name, found)
    st.stop()


def open_projects(person: Person) -> dict[str, Project]:
    """Return the projects a person may work on, by name."""
    return {project.name: project for project in projects.listed(store(), person)}


def picked_project(found: Collection[str]) -> str | None:
    """Draw the sidebar's picker of open projects and return the name that is picked.

    A name that is asked for but not found stays picked until another one is.
    """
    if not found:
        return None
    asked = [st.session_state.get("project"), st.query_params.get("project")]
    if "next_project" in st.session_state:
        asked = [st.session_state.pop("next_project")]
        st.session_state["project"] = asked[0]
    names = dict.fromkeys([*found, *filter(None, asked)])
    try:
        name = st.sidebar.selectbox(
            "Project", list(names), key="project", bind="query-params", persist_state="session"
        )
    except StreamlitDuplicateElementKey:  # the shell has drawn the picker in this run
        name = st.session_state["project"]
    return str(name)


def missing_project(person: Person, name: str, found: Collection[str]) -> None:
    """Say that a project is archived, or that there is none, and draw the ways on."""
    every = projects.listed(store(), person, archived=True)
    archived = any(project.name == name for project in every)
    if not archived:
        st.info(f"There is no project {plain(shorten(name))}.", icon=":material/search_off:")
    elif person.role == "admin":
        st.info(
            f"{plain(name)} is archived: nobody is asked about it, and nothing of it is lost.",
            icon=":material/archive:",
        )
        if st.button("Take it out of the archive", icon=":material/unarchive:") and act(
            f"{plain(name)} is out of the archive",
            lambda: projects.set_archived(store(), person, name, archived=False, now=now()),
        ):
            st.rerun()
    else:
        st.info(
            f"{plain(name)} is archived. An admin can take it out of the archive.",
            icon=":material/archive:",
        )
    other = st.selectbox(
        "Open another project", list(found), index=None, placeholder="Choose one",
        key="other_project", width=320,
    )  # fmt: skip
    if other is not None:
        go_to_project(other)


def go_to_project(name: str) -> None:
    """Choose another project and run the page again."""
    st.session_state["next_project"] = name
    st.rerun(scope="app")


def go_to_page(page: str) -> None:
    """Open another of our pages, keeping the chosen project."""
    # Without `query_params` it would clear the address, which refuses where the project is in it.
    st.switch_page(PAGES / f"{page}.py", query_params={})


def page_link(page: str, label: str, *, icon: str | None = None, **query: str) -> None:
    """Link to one of our pages, keeping the chosen project."""
    st.page_link(PAGES / f"{page}.py", label=label, icon=icon, query_params=query or None)


def api(project: str, *path: str) -> str:
    """Return the address of a project's API route."""
    return "/".join(["/api/v1/projects", quote(project, safe=""), *path])


def plain(text: object) -> str:
    """Escape text so that markdown shows it as it is."""
    words = SPECIAL.sub(WORD_JOINER, " ".join(str(text).split()))
    return MARKDOWN.sub(r"\\\1", words)


def without_images(text: str) -> str:
    """Turn images of markdown into links, so that a page asks no other host for anything."""
    return IMAGE.sub("[", text)


def shorten(text: object, limit: int = 80) -> str:
    """Cut long text at a word, with an ellipsis."""
    words = " ".join(str(text).split())
    if len(words) <= limit:
        return words
    cut = words[: limit - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut[limit // 2 :] else cut).rstrip(" ,.;:") + "…"


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show one of our errors as one sentence where the page stands."""
    try:
        yield
    except MlvajraError as error:
        st.error(plain(sentence(error)), icon=":material/error:")


def act(done: str, action: Callable[[], Any]) -> bool:
    """Do what a person asked for: a toast when it worked, else a sentence; True if it did."""
    try:
        action()
    except MlvajraError as error:
        st.error(plain(sentence(error)), icon=":material/error:")
        return False
    if done:
        st.toast(done, icon=":material/check:")
    return True


def stored_before(key: str, stored: Any) -> Any:
    """Return what was stored when this was drawn last, and keep what is for the next time."""
    before = st.session_state.get(f"was:{key}", stored)
    st.session_state[f"was:{key}"] = stored
    return before


def follow(key: str, stored: Any) -> bool:
    """Let a widget show what is stored unless something else was entered there.

    True if somebody else has changed it since, so that saving would undo that. The widget is to
    have it as its value, too: of two runs close together a browser may hear of the second only,
    which no longer says what the first has set.
    """
    was = stored_before(key, stored)
    if key not in st.session_state or st.session_state[key] == was != stored:
        st.session_state[key] = stored
    return bool(was != stored != st.session_state[key])


def flash(words: str) -> None:
    """Run the page again and say there what was done."""
    st.session_state["flash"] = words
    st.rerun(scope="app")


def flashed() -> None:
    """Say what was done in the run before this one."""
    if words := st.session_state.pop("flash", ""):
        st.success(plain(words), icon=":material/check:")


def ago(at: datetime | None) -> str:
    """Say how long ago something was."""
    if at is None:
        return "never"
    seconds = max(0.0, (now() - at).total_seconds())
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return plural(int(seconds // size), word) + " ago"
    return "just now" if seconds < 10 else f"{int(seconds)} seconds ago"


def duration(seconds: float | None) -> str:
    """Say how long something took."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def local(at: datetime | None) -> datetime | None:
    """Return a time in the zone of the person's browser."""
    if at is None:
        return None
    try:
        return at.astimezone(ZoneInfo(st.context.timezone or "UTC"))
    except (KeyError, ValueError):
        return at


def clock(at: datetime | None) -> str:
    """Return a time as text in the zone of the person's browser."""
    here = local(at)
    return "" if here is None else here.strftime("%Y-%m-%d %H:%M")


def value_of(measure: Measure) -> str:
    """Return a measure's number, or why there is none."""
    if measure.value is None:
        return "too few to say"
    return f"{measure.value:.3f}"


def interval_of(measure: Measure) -> str:
    """Return a measure's 95% interval, or what is missing for one."""
    if measure.value is None or measure.low is None or measure.high is None:
        return measure.note
    return f"{measure.low:.3f} to {measure.high:.3f}"


def measure_words(measure: Measure) -> str:
    """Return a measure with its interval in one line."""
    if measure.value is None:
        note = measure.note
        if note.startswith("too few"):
            return note
        return f"too few to say: {note}" if note else "too few to say"
    interval = interval_of(measure)
    return f"{value_of(measure)} ({interval})" if interval else value_of(measure)


def side_by_side(count: int, *, at_least: int, cells: int | None = None) -> list[Any]:
    """Return containers of one height, side by side while each is `at_least` pixels wide.

    With more `cells` than `count` there are several rows, and no hole between two of them.
    """
    with st.grid(count, min_column_width=at_least):
        return [st.container(height="stretch") for _ in range(cells or count)]


def empty(title: str, words: str, *, icon: str) -> None:
    """Draw an empty state: what is missing here, and how it comes to be."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(f"{icon} **{title}**", text_alignment="center")
        st.caption(words, text_alignment="center")


def height_of(rows: int) -> Literal["content", "auto"]:
    """Return how high a table is: as high as its rows, where they are few."""
    return "content" if rows <= ALL_ROWS else "auto"

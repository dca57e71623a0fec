"""What versions have wrong: the holdout samples of one version, and where two are apart."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from mlvajra_al.errors import MlvajraError
from mlvajra_al.records import Mistake, Person, Project
from mlvajra_al.services import mistakes, overview
from mlvajra_al.services.mistakes import Pair, Right, Wanted
from mlvajra_al.web import thumbnails
from mlvajra_al.web.context import store
from mlvajra_al.web.sentences import sentence
from mlvajra_al.web.views.names import answer_words, by_name, display
from mlvajra_al.web.widgets import page_link, plain, plural, side_by_side

PAGE = 25
ANY = "any"


def wrong_on_the_holdout(person: Person, project: Project, number: int) -> None:
    """Draw the holdout samples that a version has wrong, by cell of the matrix."""
    st.markdown("**Wrong on the holdout** :gray[surest mistakes first; for admins only]")
    place = f"wrong:{project.id}:{number}"
    label, answered = _cell(project, place)
    turned = f"{place}:{label}:{answered}"
    wanted = Wanted(label, answered, PAGE * st.session_state.get(turned, 0), PAGE)
    try:
        found = mistakes.listed(store(), person, project.name, number, wanted=wanted)
    except MlvajraError as error:
        st.caption(plain(sentence(error)))
        return
    if not found.total:
        st.caption("None in this cell." if label or answered else "None: every answer was right.")
        return
    rows: list[dict[str, Any]] = [
        {
            "Sample": text,
            "True": answer_words(project, item.label),
            "Answered": answer_words(project, item.answered),
            "Probability": item.probability,
            "Key": item.sample_key,
        }
        for item, text in zip(found.mistakes, found.beginnings, strict=True)
    ]
    rows = _pictured(person, project, rows, at=[item.position for item in found.mistakes])
    chosen = _table(rows, key=turned, alt=f"Holdout samples that version {number} has wrong")
    _pages(turned, len(rows), found.total)
    if chosen is not None:
        _explain(project, number, found.mistakes[chosen].sample_key)


def _cell(project: Project, place: str) -> tuple[str | None, str | None]:
    """Draw the choice of a cell of the matrix: a true and an answered label."""
    labels = by_name(project)
    several = project.multilabel
    names = ("Missed label", "Label given wrongly") if several else ("True label", "Answered label")
    picked = []
    for column, name in zip(side_by_side(2, at_least=240), names, strict=True):
        with column:
            one = st.selectbox(
                name,
                [None, *labels],
                format_func=lambda label: ANY if label is None else display(labels, label),
                key=f"{place}:{name}",
            )
            picked.append(one)
    return picked[0], picked[1]


def where_apart(person: Person, project: Project, champion: int, challenger: int) -> None:
    """Draw the choice of what only one of two versions has right, or neither, and its samples."""
    st.markdown("**Sample by sample** :gray[surest mistakes first; for admins only]")
    words: dict[Right, str] = {
        "challenger": f"Only version {challenger} right",
        "champion": f"Only version {champion} right",
        "neither": "Both wrong",
    }
    place = f"apart:{project.id}:{champion}:{challenger}"
    right: Right = st.segmented_control(
        "Which samples",
        list(words),
        format_func=words.__getitem__,
        default="challenger",
        required=True,
        key=place,
        label_visibility="collapsed",
    )
    _side(person, project, (champion, challenger), right=right, words=words, key=f"{place}:{right}")


def _side(
    person: Person,
    project: Project,
    pair: tuple[int, int],
    *,
    right: Right,
    words: dict[Right, str],
    key: str,
) -> None:
    """Draw the samples of one of the three, or say why there are none."""
    wanted = Wanted(offset=PAGE * st.session_state.get(key, 0), limit=PAGE)
    try:
        found = mistakes.apart(store(), person, project.name, pair, right=right, wanted=wanted)
    except MlvajraError as error:
        st.caption(plain(sentence(error)))
        return
    if found is None:
        st.caption("Not listed yet: *Compare* lists them.")
        return
    whole = " A version is right where it has every label right." if project.multilabel else ""
    counts = ", ".join(f"{name.lower()}: {found.counts[side]:,}" for side, name in words.items())
    counted = f"{counts[0].upper()}{counts[1:]}"
    st.caption(f"{counted}; with the answers up to event {found.holdout_seq:,}.{whole}")
    if not found.pairs:
        st.caption("No sample is like that.")
        return
    rows = [_paired(project, item, pair) for item in found.pairs]
    rows = _pictured(person, project, rows, at=[item.position for item in found.pairs])
    chosen = _table(rows, key=key, alt=words[right])
    _pages(key, len(rows), found.counts[right])
    if chosen is not None:
        for number in pair:
            _explain(project, number, found.pairs[chosen].sample_key)


def _paired(project: Project, item: Pair, pair: tuple[int, int]) -> dict[str, Any]:
    said = zip(pair, (item.champion, item.challenger), strict=True)
    return {
        "Sample": item.beginning,
        "True": answer_words(project, item.label),
        **{f"Version {number}": _said(project, one) for number, one in said},
        "Key": item.sample_key,
    }


def _said(project: Project, mistake: Mistake | None) -> str:
    if mistake is None:
        return "right"
    return f"{answer_words(project, mistake.answered)} ({mistake.probability:.2f})"


def _pictured(
    person: Person, project: Project, rows: list[dict[str, Any]], *, at: list[int]
) -> list[dict[str, Any]]:
    """Return rows with the images of their samples, which words cannot tell, where there are."""
    if all(column.kind != "image" for column in project.recipe.columns):
        return rows
    seen = overview.glimpses(store(), person, project.name, at)
    pictures = (thumbnails.address(one.images[0]) if one.images else None for one in seen)
    told = any(one.words for one in seen)
    return [
        {"Image": picture, **row, "Sample": one.words}
        if told
        else {"Image": picture, **{name: row[name] for name in row if name != "Sample"}}
        for row, one, picture in zip(rows, seen, pictures, strict=True)
    ]


def _table(rows: list[dict[str, Any]], *, key: str, alt: str) -> int | None:
    """Draw samples and return the place of the chosen one."""
    config = st.column_config
    picked = st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"table:{key}:{st.session_state.get(key, 0)}",
        row_height=56 if rows and "Image" in rows[0] else None,
        column_config={
            "Image": config.ImageColumn(width=90),
            "Sample": config.TextColumn(width="large"),
            "Probability": config.NumberColumn(
                format="%.2f", width=90, help="How sure the version was of what is wrong"
            ),
        },
        alt=alt,
    )
    chosen = picked.selection.rows
    return chosen[0] if chosen else None


def _pages(key: str, shown: int, total: int) -> None:
    """Draw the way through a list of several pages."""
    page = st.session_state.get(key, 0)
    first = PAGE * page
    with st.container(horizontal=True, vertical_alignment="center"):
        for name, step, icon, off in (
            ("Surer", -1, ":material/chevron_left:", not page),
            ("Less sure", 1, ":material/chevron_right:", first + shown >= total),
        ):
            if total > PAGE and st.button(name, icon=icon, disabled=off, key=f"{name}:{key}"):
                st.session_state[key] = page + step
                st.rerun()
        place = f"{first + 1:,} to {first + shown:,} of " if total > PAGE else ""
        st.caption(f"{place}{plural(total, 'sample')}; choose a row for the reasons")


def _explain(project: Project, number: int, key: str) -> None:
    page_link(
        "explain",
        f"Why version {number} answers so",
        icon=":material/psychology:",
        project=project.name,
        version=str(number),
        sample=key,
    )

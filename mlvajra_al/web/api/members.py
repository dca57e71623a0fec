"""Who may see a project."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from mlvajra_al.records import Member, Person
from mlvajra_al.services import members, projects
from mlvajra_al.web.api.answers import Json
from mlvajra_al.web.api.caller import Caller
from mlvajra_al.web.api.shapes import shape
from mlvajra_al.web.context import now, store

router = APIRouter(tags=["members"])
ShownMember = shape(Member)


class NewMember(BaseModel):
    """Somebody to let in."""

    model_config = ConfigDict(extra="forbid")

    name: str


class Access(BaseModel):
    """Whether only members and admins may see a project."""

    model_config = ConfigDict(extra="forbid")

    restricted: bool


class Members(Access):
    """Whether only members and admins may see a project, and who the members are."""

    members: list[ShownMember]  # type: ignore[valid-type]


@router.get("/projects/{project}/members", response_model=Members)
def listed(project: str, caller: Caller) -> Response:
    """Return the members of a project; admins need not be among them."""
    return _members(caller, project)


@router.post("/projects/{project}/members", status_code=201, response_model=Members)
def add(project: str, caller: Caller, body: NewMember) -> Response:
    """Make somebody a member."""
    members.add(store(), caller, project, name=body.name, now=now())
    return _members(caller, project, status=201)


@router.delete("/projects/{project}/members", response_model=Members)
def remove(
    project: str, caller: Caller, name: Annotated[str, Query(description="Whose membership ends")]
) -> Response:
    """End a membership; the samples this person holds go back, the answers stay."""
    members.remove(store(), caller, project, name=name, now=now())
    return _members(caller, project)


@router.put("/projects/{project}/access", response_model=Members)
def restrict(project: str, caller: Caller, body: Access) -> Response:
    """Keep a project to its members and the admins, or open it to everybody."""
    members.set_restricted(store(), caller, project, restricted=body.restricted, now=now())
    return _members(caller, project)


def _members(caller: Person, name: str, *, status: int = 200) -> Response:
    found = members.listed(store(), caller, name)
    restricted = projects.get(store(), caller, name).restricted
    return Json({"restricted": restricted, "members": found}, status_code=status)

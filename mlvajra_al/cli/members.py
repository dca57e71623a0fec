"""`mlvajra project members`: who may see a project."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mlvajra_al.cli.projects import group
from mlvajra_al.cli.workspace import AsJson, now, opened, operator, put


def register(_app: typer.Typer) -> None:
    """Add the command of this file to those about projects."""
    group.command("members", epilog="Example: mlvajra project members spam --restricted --add ada")(
        members
    )


def members(
    project: Annotated[str, typer.Argument(help="The project's name.")],
    add: Annotated[list[str] | None, typer.Option(help="Somebody to add; repeatable.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="Somebody to remove; repeatable.")
    ] = None,
    restricted: Annotated[
        bool | None,
        typer.Option("--restricted/--open", help="For members only, or for everybody."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who may see a project, after adding and removing members; admins always may."""
    from mlvajra_al.cli import tables
    from mlvajra_al.services import members, projects

    with opened() as store:
        person = operator(store)
        for name in add or ():
            members.add(store, person, project, name=name, now=now())
        for name in remove or ():
            members.remove(store, person, project, name=name, now=now())
        if restricted is not None:
            members.set_restricted(store, person, project, restricted=restricted, now=now())
        only_members = projects.get(store, person, project).restricted
        found = members.listed(store, person, project)
    rows = [
        {
            "name": item.name,
            "role": item.role,
            "added_at": item.added_at,
            "added_by": item.added_by,
        }
        for item in found
    ]
    if as_json:
        put({"project": project, "restricted": only_members, "members": rows})
        return
    who = "members and admins" if only_members else "everybody in the workspace"
    sys.stderr.write(f"{project} is open to {who}\n")
    tables.show(rows)

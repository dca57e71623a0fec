"""`mlvajra user` and `mlvajra token`: who may come in."""

from __future__ import annotations

import sys
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer

from mlvajra_al.cli.workspace import now, opened, operator, put
from mlvajra_al.errors import Invalid

user = typer.Typer(help="People and their passwords.", epilog="Example: mlvajra user add ada")
token = typer.Typer(
    help="Bearer tokens for programs.", epilog="Example: mlvajra token create --user ada"
)


class Role(StrEnum):
    """What a person may do, least first."""

    annotator = "annotator"
    reviewer = "reviewer"
    admin = "admin"


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(user, name="user")
    app.add_typer(token, name="token")


Name = Annotated[str, typer.Argument(help="The person's name.")]


@user.command(epilog="Example: mlvajra user add ada --role reviewer")
def add(
    name: Name,
    role: Annotated[Role, typer.Option(help="What the person may do.")] = Role.annotator,
) -> None:
    """Make an account; the password is asked for, or read from standard input."""
    from mlvajra_al.services import people

    secret = _password()
    with opened() as store:
        people.add(store, operator(store), name=name, role=role.value, password=secret, now=now())
    sys.stderr.write(f"{name} can sign in as {role.value}\n")


@user.command(epilog="Example: mlvajra user password ada")
def password(name: Name) -> None:
    """Give somebody a new password, and end that person's sessions and tokens."""
    from mlvajra_al.services import people

    with opened() as store:
        people.get(store, name)
        secret = _password()
        people.set_password(store, operator(store), name=name, password=secret, now=now())
    sys.stderr.write(f"{name} has a new password\n")


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    from getpass import getpass

    first = getpass("Password: ")
    if getpass("Once more: ") != first:
        raise Invalid("the two passwords differ; try again")
    return first


@user.command("list", epilog="Example: mlvajra user list --json")
def listed(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show who has an account."""
    from mlvajra_al.cli import tables
    from mlvajra_al.services import people

    with opened() as store:
        everybody = people.listed(store)
    rows = [
        {
            "name": person.name,
            "role": person.role,
            "created_at": person.created_at.isoformat(),
            "disabled": person.disabled_at is not None,
        }
        for person in everybody
    ]
    put(rows) if as_json else tables.show(rows)


@user.command(epilog="Example: mlvajra user disable ada")
def disable(name: Name) -> None:
    """Close an account: sessions and tokens end, what the person said stays."""
    from mlvajra_al.services import people

    with opened() as store:
        people.disable(store, operator(store), name=name, now=now())
    sys.stderr.write(f"{name} can no longer sign in\n")


@token.command(epilog="Example: TOKEN=$(mlvajra token create --user ada --days 30)")
def create(
    person: Annotated[str, typer.Option("--user", help="Whose token it is.")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it lasts.")] = 365,
    purpose: Annotated[str, typer.Option(help="What it is for.")] = "command line",
) -> None:
    """Print a bearer token for the HTTP interface, and nothing else; it is shown only once."""
    from mlvajra_al.services import people

    with opened() as store:
        made = people.create_token(
            store,
            operator(store),
            name=person,
            purpose=purpose,
            now=now(),
            life=timedelta(days=days),
        )
    sys.stdout.write(f"{made}\n")

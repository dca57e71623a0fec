"""`mlvajra user`: who may come in, and as what."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mlvajra_al.cli.workspace import AsJson, now, opened, operator, put
from mlvajra_al.errors import Invalid
from mlvajra_al.records import Role
from mlvajra_al.services.listening import address

user = typer.Typer(help="People and their passwords.", epilog="Example: mlvajra user add ada")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(user, name="user")


Name = Annotated[str, typer.Argument(help="The person's name.")]
TheirRole = Annotated[Role, typer.Option(help="What the person may do.")]


@user.command(epilog="Example: mlvajra user add ada --role reviewer")
def add(name: Name, role: TheirRole = "annotator") -> None:
    """Make an account; the password is asked for, or read from standard input."""
    from mlvajra_al.services import people

    secret = _password()
    with opened(begin=True) as store:
        people.add(store, operator(store), name=name, role=role, password=secret, now=now())
    sys.stderr.write(f"{name} can sign in as {role}\n")


@user.command(epilog="Example: mlvajra user invite --role reviewer")
def invite(role: TheirRole = "annotator") -> None:
    """Print the address of a link with which somebody makes an account: once, within a week.

    It begins with where 'mlvajra run' answers here; behind a proxy put its name there.
    """
    from mlvajra_al.cli.tenancy import noted
    from mlvajra_al.config import settings
    from mlvajra_al.services import links

    with opened(begin=True) as store:
        token = links.invite(store, operator(store), role=role, now=now())
    chosen = settings()
    there = noted(chosen.home) or address(chosen.host, chosen.port)
    sys.stdout.write(f"{there}/account/join?token={token}\n")


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
    as_json: AsJson = False,
) -> None:
    """Show who has an account."""
    from mlvajra_al.cli import tables
    from mlvajra_al.services import people

    with opened() as store:
        everybody, simulated = people.listed(store), people.simulated(store)
    rows = [
        {
            "name": person.name,
            "role": person.role,
            "created_at": person.created_at,
            "disabled": person.disabled_at is not None,
            "simulated": person.id in simulated,
        }
        for person in everybody
    ]
    if as_json:
        put(rows)
        return
    tables.show(rows)
    if any(people.is_machine(person) for person in everybody):
        sys.stderr.write(
            f"nobody signs in as {people.OPERATOR!r} or 'import: …': commands and imports act so\n"
        )


@user.command(epilog="Example: mlvajra user role ada reviewer")
def role(name: Name, new: Annotated[Role, typer.Argument(help="The new role.")]) -> None:
    """Give somebody another role; it counts from the next click on."""
    from mlvajra_al.services import people

    with opened() as store:
        changed = people.set_role(store, operator(store), name=name, role=new, now=now())
    sys.stderr.write(f"{changed.name} has the role {changed.role} now\n")


@user.command(epilog="Example: mlvajra user disable ada")
def disable(name: Name) -> None:
    """Close an account: sessions and tokens end, what the person said stays."""
    from mlvajra_al.services import people

    with opened() as store:
        people.disable(store, operator(store), name=name, now=now())
    sys.stderr.write(f"{name} can no longer sign in\n")


@user.command(epilog="Example: mlvajra user enable ada")
def enable(name: Name) -> None:
    """Open a disabled account again."""
    from mlvajra_al.services import people

    with opened() as store:
        people.enable(store, operator(store), name=name, now=now())
    sys.stderr.write(f"{name} can sign in again\n")


@user.command("sign-out", epilog="Example: mlvajra user sign-out ada")
def sign_out(name: Name) -> None:
    """End all sessions and API tokens of somebody; the password stays as it is."""
    from mlvajra_al.services import sessions

    with opened() as store:
        ended = sessions.revoke_everything(store, operator(store), name=name, now=now())
    sys.stderr.write(f"ended {ended} sessions and tokens of {name}\n")

"""`mlvajra token`: bearer tokens for programs."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated, Any

import typer

from mlvajra_al.cli.workspace import AsJson, now, opened, operator, put

token = typer.Typer(
    help="Bearer tokens for programs.", epilog="Example: mlvajra token create --user ada"
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(token, name="token")


@token.command(epilog="Example: TOKEN=$(mlvajra token create --user ada --scope read --days 30)")
def create(
    person: Annotated[str, typer.Option("--user", help="Whose token it is.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="<scope>",
            help="read, annotate or manage; several if given again; all if left out.",
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it lasts.")] = 365,
    purpose: Annotated[str, typer.Option(help="What it is for.")] = "command line",
) -> None:
    """Print a bearer token for the HTTP interface, and nothing else; it is shown only once."""
    from mlvajra_al.services import tokens

    grant = tokens.Grant(purpose, timedelta(days=days), tokens.scopes_of(scope or ()))
    with opened() as store:
        made = tokens.create(store, operator(store), name=person, grant=grant, now=now())
    sys.stdout.write(f"{made}\n")


@token.command("list", epilog="Example: mlvajra token list --user ada --json")
def listed(
    person: Annotated[str | None, typer.Option("--user", help="Only this person's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show which tokens are valid, what for, when last used; never the tokens themselves."""
    from mlvajra_al.cli import tables
    from mlvajra_al.services import tokens

    with opened() as store:
        found = tokens.listed(store, operator(store), now=now(), name=person)
    rows: list[dict[str, Any]] = [
        {
            "id": item.id,
            "user": item.person,
            "purpose": item.name,
            "scopes": "everything" if item.scopes is None else " ".join(sorted(item.scopes)),
            "last_used": item.seen_at,
            "expires": item.expires_at,
        }
        for item in found
    ]
    put(rows) if as_json else tables.show(rows)


@token.command(epilog="Example: mlvajra token revoke 7")
def revoke(
    token_id: Annotated[int, typer.Argument(help="Its id, as 'mlvajra token list' shows it.")],
) -> None:
    """End a token at once."""
    from mlvajra_al.services import sessions

    with opened() as store:
        ended = sessions.revoke(store, operator(store), token_id, now=now(), kind="token")
    sys.stderr.write(f"ended {ended.person}'s {ended.name or ended.agent or 'session'}\n")

"""Who may do what: accounts, roles, sessions."""

from __future__ import annotations

from mlvajra_al.errors import NotAllowed
from mlvajra_al.records import Person, Role

RANK: dict[Role, int] = {"annotator": 0, "reviewer": 1, "admin": 2}


def require(person: Person, role: Role, action: str) -> None:
    """Refuse with a sentence unless the person has at least this role.

    Raises
    ------
    NotAllowed
    """
    if RANK[person.role] < RANK[role]:
        raise NotAllowed(action, f"a {role}" if role == "reviewer" else f"an {role}")

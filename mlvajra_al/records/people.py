"""Who may do what, and who did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Literal

Role = Literal["annotator", "reviewer", "admin"]
Scope = Literal["read", "annotate", "manage"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account."""

    id: int
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: the network address and what the browser calls itself."""

    address: str = ""
    agent: str = ""

    @property
    def network(self) -> str:
        """What counts as one address: of IPv6 the /64, all of which one machine may go through.

        An IPv4 address counts as itself, also where it is written as an IPv6 one.
        """
        try:
            found = ip_address(self.address)
        except ValueError:  # a socket in a folder has a name, or none
            return self.address
        if isinstance(found, IPv4Address):
            return str(found)
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(IPv6Network((int(found) >> 64 << 64, 64)))


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a live session or API token belongs to; `scopes` None is everything the person may do."""

    person: Person
    session_id: int
    scopes: frozenset[Scope] | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in of a browser, or an API token: what is shown of it, never the secret."""

    id: int
    person_id: int
    person: str
    kind: Literal["browser", "token"]
    name: str
    agent: str
    scopes: frozenset[Scope] | None
    created_at: datetime
    seen_at: datetime | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """A one-time link that waits to be used."""

    id: int
    role: Role
    invited_by: str | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who may see a restricted project."""

    name: str
    role: Role
    added_at: datetime
    added_by: str | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A privileged act, for the record."""

    id: int
    at: datetime
    person: str | None
    action: str
    project: str | None
    detail: str

"""Secrets: how passwords and tokens are made, stored and checked; never kept as they are."""

from __future__ import annotations

import hashlib
import secrets
import threading
from contextlib import suppress
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from mlvajra_al.errors import BadPassword

PASSWORD_MIN, PASSWORD_MAX = 8, 1024
AT_ONCE = 4
_hashing = threading.BoundedSemaphore(AT_ONCE)
"""A hash takes 64 MB; a crowd at the door must not take all there is."""


def digest(token: str) -> str:
    """Return what is stored of a token: its SHA-256."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token() -> str:
    """Return a random token of 256 bits."""
    return secrets.token_urlsafe(32)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobody() -> str:
    """Return a hash to check against for names nobody has, so that it takes as long."""
    return _hasher().hash(new_token())


def check_password(password: str) -> None:
    """Refuse a password that is too short or absurdly long.

    Raises
    ------
    BadPassword
    """
    if len(password) < PASSWORD_MIN:
        raise BadPassword(
            f"the password has {len(password)} characters; use at least {PASSWORD_MIN}"
        )
    if len(password) > PASSWORD_MAX:
        raise BadPassword(f"the password is longer than {PASSWORD_MAX} characters; shorten it")


def hash_of(password: str) -> str:
    """Return what is stored of a password that may be used.

    Raises
    ------
    BadPassword
    """
    check_password(password)
    with _hashing:
        return _hasher().hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Say whether a password is the stored one; it takes as long where nothing is stored."""
    with _hashing, suppress(Argon2Error, InvalidHashError):
        _hasher().verify(stored or _nobody(), password[: PASSWORD_MAX + 1])
        return stored is not None
    return False

"""Settings, read once at the edge from the environment."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from mlvajra_al.errors import Setup

CHECKOUT = Path(__file__).parents[1]
PREFIX = "MLVAJRA_"
HOST = re.compile(r"(?!-)[\w-]+(\.[\w-]+)*\.?")
ENGINE = re.compile(r"local|dask://([^\s/:\[\]]+|\[[0-9a-fA-F:]+\]):\d{1,5}")

WANTED = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be one of {expected}",
    "string_too_long": "must have at most {max_length} characters",
    "oidc_issuer": "must be an address that begins with https://",
    "oidc_scopes": "must have 'openid' among its words",
}
"""What is wanted of a value, by the kind of Pydantic's refusal, else by the name of the setting."""


def default_home() -> Path:
    """Return the workspace of this checkout; where there is none, one in the current folder."""
    place = Path("data/workspace")
    return CHECKOUT / place if (CHECKOUT / "app.py").is_file() else place


def sqlite_url(path: Path) -> str:
    """Return the URL of an SQLite file; in one, '?' begins options and '%20' is a space.

    >>> sqlite_url(Path("/mnt/100%25 done?/mlvajra.db"))
    'sqlite:////mnt/100%2525 done%3F/mlvajra.db'
    """
    return "sqlite:///" + str(path.absolute()).replace("%", "%25").replace("?", "%3F")


class Settings(BaseSettings):
    """What an operator may set; every name is prefixed with ``MLVAJRA_``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, validate_default=True
    )

    home: Path = Field(default_factory=default_home, description="The workspace folder")
    host: str = Field(default="127.0.0.1", description="Address the web server listens on")
    port: int = Field(default=8501, ge=0, le=65535, description="Port the web server listens on")
    database_url: str = Field(
        default="", description="PostgreSQL URL; empty for a SQLite file in the workspace"
    )
    workers: int = Field(
        default=2, ge=1, le=64, description="Workers that 'mlvajra run' starts beside the web"
    )
    worker_nice: int = Field(
        default=19,
        ge=0,
        le=19,
        description="How far workers step back for people who label; 0: not at all, 19: as far as "
        "the system lets them",
    )
    engine: str = Field(
        default="local",
        description="Where heavy work is done: local, or the scheduler of a Dask cluster",
    )
    processes: int = Field(
        default=0, ge=0, le=256, description="Processes a simulation plays in; 0: one a processor"
    )
    admin_password: SecretStr | None = Field(
        default=None,
        description="Creates the person 'admin' on first start instead of the setup link",
    )
    max_upload_mb: int = Field(
        default=1024, ge=1, description="Largest upload through the browser, in MB"
    )
    lease_minutes: float = Field(
        default=5.0, gt=0, le=1440, description="How long a claim lasts without heartbeat"
    )
    session_days: float = Field(default=14.0, gt=0, le=3650, description="How long a sign-in lasts")
    secure_cookies: bool = Field(
        default=False, description="Set behind TLS: cookies only over HTTPS"
    )
    allowed_hosts: str = Field(
        default="", description="Names this server answers to, with commas between them"
    )
    oidc_issuer: str = Field(
        default="",
        pattern="^(https?://[^ ]+)?$",
        max_length=300,
        description="OpenID Connect provider people may sign in with; empty for none",
    )
    oidc_client_id: str = Field(default="", description="What that provider calls this app")
    oidc_client_secret: SecretStr = Field(
        default=SecretStr(""), description="The secret it has given this app"
    )
    oidc_scopes: str = Field(
        default="openid profile email",
        pattern=r"(^| )openid( |$)",
        description="What is asked of that provider; openid must be among it",
    )
    oidc_name: str = Field(
        default="", description="What the provider is called on the sign-in page"
    )
    oidc_domains: str = Field(
        default="", description="E-mail domains that may sign in so, with commas; empty for all"
    )
    oidc_create_as: Literal["", "annotator", "reviewer", "admin"] = Field(
        default="", description="Role of people it sends for the first time; empty: refuse them"
    )
    demo: bool = Field(default=True, description="Create the demo projects in an empty workspace")

    @field_validator("engine")
    @classmethod
    def _reachable(cls, value: str) -> str:
        if not ENGINE.fullmatch(value):
            raise ValueError("it is 'local', or 'dask://host:port' of a scheduler")
        if value != "local" and find_spec("distributed") is None:
            raise ValueError("Dask is not installed: .venv/bin/pip install -e '.[dask]'")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _names(cls, value: str) -> str:
        for name in filter(None, map(str.strip, value.split(","))):
            if not HOST.fullmatch(name):
                raise ValueError(
                    f"{name!r} is no name of a host; write names alone, like "
                    "'label.example.org,label', without http:// and without a port"
                )
        return value

    @field_validator("oidc_client_id")
    @classmethod
    def _named(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("oidc_issuer") and not value:
            raise ValueError("MLVAJRA_OIDC_ISSUER is of no use without it")
        return value

    @property
    def url(self) -> str:
        """Return the database URL with its default filled in."""
        return self.database_url or sqlite_url(self.home / "mlvajra.db")


@cache
def settings() -> Settings:
    """Return the settings of this process, read at the first call.

    Raises
    ------
    Setup
        If a variable holds something that cannot be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name, why = PREFIX + str(first["loc"][0]).upper(), said(first)
        message = f"the setting {name} cannot be used: {why}; correct or unset it"
        if first["input"] == "":
            message = f"the setting {name} is missing: {why}; set it"
        raise Setup(message) from error


def said(error: ErrorDetails) -> str:
    """Say in our words what is wrong with a value, and which it is."""
    limits = error.get("ctx", {})
    if error["type"] == "value_error":
        return str(limits["error"])
    wanted = WANTED.get(error["type"]) or WANTED[str(error["loc"][0])]
    return f"it {wanted.format(**limits)} but is {str(error['input'])!r}"


def unknown() -> list[str]:
    """Return a sentence for each variable that looks like a setting and is none."""
    known = {name.upper() for name in Settings.model_fields}
    found = [name.removeprefix(PREFIX) for name in sorted(os.environ) if name.startswith(PREFIX)]
    return [_unknown(name, known) for name in found if name.upper() not in known]


def _unknown(name: str, known: set[str]) -> str:
    meant = get_close_matches(name, known, n=1)
    hint = f"did you mean {PREFIX}{meant[0]}?" if meant else "docs/settings.md lists all"
    return f"there is no setting {PREFIX}{name}, so it changes nothing; {hint}"

"""Settings, read once at the edge from the environment."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mlvajra_al.errors import Setup

ENGINE = re.compile(r"local|dask://([^\s/:\[\]]+|\[[0-9a-fA-F:]+\]):\d{1,5}")


class Settings(BaseSettings):
    """What an operator may set; every name is prefixed with ``MLVAJRA_``."""

    model_config = SettingsConfigDict(env_prefix="MLVAJRA_", frozen=True, validate_default=True)

    home: Path = Field(default=Path("data/workspace"), description="The workspace folder")
    host: str = Field(default="127.0.0.1", description="Address the web server listens on")
    port: int = Field(default=8501, ge=0, le=65535, description="Port the web server listens on")
    database_url: str = Field(
        default="", description="PostgreSQL URL; empty for a SQLite file in the workspace"
    )
    workers: int = Field(
        default=2, ge=1, le=64, description="Workers that 'mlvajra run' starts beside the web"
    )
    worker_nice: int = Field(
        default=10, ge=0, le=19, description="How far workers step back for people who label"
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
            raise ValueError('Dask is not installed: pip install "mlvajra_al[dask]"')
        return value

    @field_validator("oidc_client_id")
    @classmethod
    def _named(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("oidc_issuer") and not value:
            raise ValueError("MLVAJRA_OIDC_ISSUER is set, so the provider's name for us is needed")
        return value

    @property
    def url(self) -> str:
        """Return the database URL with its default filled in."""
        return self.database_url or f"sqlite:///{self.home.absolute() / 'mlvajra.db'}"


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
        name = "MLVAJRA_" + str(first["loc"][0]).upper()
        said = first["msg"].removeprefix("Value error, ")
        message = f"the setting {name} cannot be used: {said}; correct or unset it"
        raise Setup(message) from error

"""A sign-in provider that can be told to lie, beside the honest one that is installed."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CLIENT = "mlvajra"


@cache
def a_key(owner: str) -> RSAKey:
    """Return a key to sign with, made once: that takes longer than a whole sign-in."""
    return RSAKey.generate_key(2048, {"kid": "a"})


@dataclass
class BentProvider:
    """Speaks OpenID Connect as the specification says, but for what `lies` replaces."""

    url: str
    lies: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: a_key("the provider"))
    signs_with: RSAKey | None = None
    answers: dict[str, Any] | None = None
    status: int = 200
    tells: Any = None
    """What is told about a person who is asked about once more; None: there is no such place."""
    telling: int = 200
    asked: dict[str, str] = field(default_factory=dict)

    def code_for(self, authorization_url: str) -> tuple[str, str]:
        """Return the code and the state a browser would come back with."""
        sent = {k: v[0] for k, v in parse_qs(urlsplit(authorization_url).query).items()}
        self.asked = sent
        return "the-code", sent["state"]

    async def metadata(self, _request: Request) -> Response:
        """Describe the provider."""
        described = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        if self.tells is not None:
            described["userinfo_endpoint"] = f"{self.url}/userinfo"
        return JSONResponse(described)

    async def userinfo(self, request: Request) -> Response:
        """Tell more about the person whose access token this is, true or not."""
        if request.headers.get("authorization") != "Bearer t":
            return JSONResponse({"error": "invalid_token"}, status_code=401)
        if isinstance(self.tells, bytes):
            return Response(self.tells, self.telling, media_type="application/json")
        return JSONResponse(self.tells, status_code=self.telling)

    async def jwks(self, _request: Request) -> Response:
        """Publish the key."""
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def token(self, request: Request) -> Response:
        """Check PKCE as a provider should, then hand out an identity, true or not."""
        sent = await request.form()
        digest = hashlib.sha256(str(sent.get("code_verifier")).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if challenge != self.asked.get("code_challenge"):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        if self.answers is not None:
            return JSONResponse(self.answers, status_code=self.status)
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "248289761001",
            "aud": CLIENT,
            "iat": now,
            "exp": now + 600,
            "nonce": self.asked["nonce"],
            "preferred_username": "ada",
            "email": "ada@example.org",
            "email_verified": True,
        }
        claims |= self.claims | self.lies
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.signs_with or self.key
        signed = jwt.encode({"alg": "RS256", "kid": "a"}, claims, key)
        return JSONResponse({"access_token": "t", "token_type": "Bearer", "id_token": signed})


class Running:
    """A bent provider on a port of its own, until stopped."""

    def __init__(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.provider = BentProvider(f"http://127.0.0.1:{listening.getsockname()[1]}")
        app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.provider.metadata),
                Route("/jwks", self.provider.jwks),
                Route("/userinfo", self.provider.userinfo),
                Route("/token", self.provider.token, methods=["POST"]),
            ]
        )
        self._server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]})
        self._thread.start()
        while not self._server.started:
            time.sleep(0.001)

    def stop(self) -> None:
        """End the server."""
        self._server.should_exit = True
        self._thread.join()

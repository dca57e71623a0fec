"""Where the web server listens: whether it can, said before anything is started."""

from __future__ import annotations

import errno
import socket

from mlvajra_al.errors import Setup

SUPERVISED = "_MLVAJRA_SUPERVISED"
"""Set by `mlvajra run` for what it starts: it says itself where to go."""


def free_port(host: str, port: int) -> int:
    """Return the port to listen on, a free one for 0.

    Raises
    ------
    Setup
        If the address cannot be listened on.
    """
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            return int(probe.getsockname()[1])
    except socket.gaierror:
        raise Setup(f"MLVAJRA_HOST is {host!r}, which is no address; use 127.0.0.1") from None
    except OSError as error:
        raise Setup(_why_not(host, port, error)) from error


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is taken by another program; stop it, or choose another "
            f"port: mlvajra run --port {port + 1 if port < 65535 else 8501}"
        )
    if error.errno == errno.EACCES:
        return f"port {port} needs root's rights; set MLVAJRA_PORT to one from 1024 to 65535"
    return f"cannot listen on {host}:{port} ({error.strerror}); check MLVAJRA_HOST and MLVAJRA_PORT"


def reachable(host: str) -> str:
    """Return by what name this machine reaches a server that listens there."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def address(host: str, port: int) -> str:
    """Return where to point a browser.

    >>> address("0.0.0.0", 8501), address("::1", 80)
    ('http://127.0.0.1:8501', 'http://[::1]:80')
    """
    name = reachable(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"

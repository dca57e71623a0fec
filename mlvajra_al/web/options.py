"""Streamlit's options, set in code so that every way to start the app has them."""

from __future__ import annotations

import sys
from typing import Any

from streamlit import config

from mlvajra_al.config import settings
from mlvajra_al.errors import Setup

SESSION_HEADER = "x-mlv-session"
"""Set by our gate only; arrives in scripts as ``st.user.session``."""

FONT = "sans-serif"
MONOSPACE = 'ui-monospace, "SFMono-Regular", Menlo, Consolas, "Liberation Mono", monospace'

OPTIONS: dict[str, Any] = {
    "browser.gatherUsageStats": False,
    "client.allowedOrigins": [],
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "global.developmentMode": False,
    "global.disableWidgetStateDuplicationWarning": True,  # see widgets.follow
    "logger.enableRich": False,
    "logger.hideWelcomeMessage": True,
    "runner.magicEnabled": False,
    "server.allowRunOnSave": False,
    "server.enableAgentApi": False,
    "server.enableCORS": True,
    "server.enableStaticServing": False,
    "server.enableXsrfProtection": True,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.runOnSave": False,
    "server.trustedUserHeaders": {SESSION_HEADER: "session"},
    "theme.font": FONT,
    "theme.codeFont": MONOSPACE,
    "theme.baseFontSize": 15,
    "theme.baseRadius": "8px",
    "theme.buttonRadius": "8px",
    "theme.headingFontSizes": ["1.9rem", "1.4rem", "1.15rem", "1.05rem", "1rem", "0.95rem"],
    "theme.paddingTop": "2.75rem",
    "theme.paddingBottom": "3rem",
    "theme.showWidgetBorder": True,
    "theme.showSidebarBorder": True,
    "theme.light.primaryColor": "#4f46e5",
    "theme.light.backgroundColor": "#ffffff",
    "theme.light.secondaryBackgroundColor": "#f3f4f8",
    "theme.light.textColor": "#1b1d2a",
    "theme.light.grayTextColor": "#6b7083",
    "theme.light.linkColor": "#4338ca",
    "theme.light.borderColor": "#dfe1ea",
    "theme.light.sidebar.backgroundColor": "#f7f7fb",
    "theme.light.sidebar.secondaryBackgroundColor": "#ffffff",
    "theme.dark.primaryColor": "#5f61ee",
    "theme.dark.backgroundColor": "#11131c",
    "theme.dark.secondaryBackgroundColor": "#1b1e2b",
    "theme.dark.textColor": "#e6e8f2",
    "theme.dark.grayTextColor": "#9ba1b8",
    "theme.dark.linkColor": "#a5b4fc",
    "theme.dark.borderColor": "#2c3042",
    "theme.dark.sidebar.backgroundColor": "#0c0e15",
    "theme.dark.sidebar.secondaryBackgroundColor": "#1b1e2b",
}


def apply() -> None:
    """Set Streamlit's options, now and whenever Streamlit reads its files again.

    This is the first thing any way to start does, so it ends the process where a setting is bad.
    """
    try:
        check_address()
    except Setup as error:
        sys.exit(f"mlvajra: {error}")
    config.on_config_parsed(_set, force_connect=True)
    config.get_config_options()
    _set()


def check_address() -> None:
    """Refuse to be served elsewhere than our settings say.

    "streamlit run" has opened its socket before it reads this, so it cannot be told any more.

    Raises
    ------
    Setup
    """
    wanted = settings()
    if getattr(config, "_server_mode", None) != "starlette-app":  # not by "streamlit run"
        return
    found = {
        "host": config.get_option("server.address") or "every address",
        "port": config.get_option("server.port"),
    }
    for name, value in found.items():
        if value != getattr(wanted, name) and (name == "host" or name in wanted.model_fields_set):
            raise Setup(
                f"MLVAJRA_{name.upper()} is {getattr(wanted, name)}, but Streamlit listens on "
                f"{value}; start it with: python app.py, or streamlit run app.py "
                f"--server.address {wanted.host} --server.port {wanted.port}"
            )


def _set() -> None:
    for name, value in OPTIONS.items():
        config.set_option(name, value, "mlvajra_al")
    config.set_option("server.maxUploadSize", settings().max_upload_mb, "mlvajra_al")

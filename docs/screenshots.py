"""Retake every picture in docs/images: a fresh workspace, real labels, each page in light and dark.

Run it with `make screenshots`; it starts and stops an app of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Page, sync_playwright
from sklearn.datasets import load_digits

if TYPE_CHECKING:
    from collections.abc import Iterator

MLVAJRA = Path(sys.executable).with_name("mlvajra")
IMAGES = Path(__file__).parent / "images"
PORT, PASSWORD = 8599, "correct horse battery staple"
URL = f"http://127.0.0.1:{PORT}"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
SHOTS = {
    "home": "?project=spam",
    "annotate": "annotate?project=spam",
    "annotate-table": "annotate?project=tumours",
    "annotate-image": "annotate?project=digits",
    "annotate-several": "annotate?project=properties",
    "review": "review?project=spam",
    "train": "train?project=spam",
    "versions": "versions?project=spam",
    "explain": "explain?project=spam",
    "explain-image": "explain?project=digits",
    "simulate": "simulate?project=digits",
    "data": "data?project=spam",
    "admin": "admin?project=spam",
}
PROPERTIES = {"even": "02468", "large": "56789", "with a loop": "0689", "prime": "2357"}
SIMULATION = {"truth": "pool", "label": "label", "seeds": 3}
POST = """([path, body]) => fetch(path, {
    method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify(body),
}).then(answer => answer.status)"""
STATE = "path => fetch(path).then(answer => answer.json()).then(runs => runs[0].state)"
WIDTH, HEIGHT, TALLEST = 1280, 860, 1700


@contextmanager
def running(home: Path) -> Iterator[None]:
    """Run the app on an empty workspace."""
    environment = os.environ | {
        "MLVAJRA_HOME": str(home),
        "MLVAJRA_PORT": str(PORT),
        "MLVAJRA_ADMIN_PASSWORD": PASSWORD,
    }
    os.environ |= environment
    server = subprocess.Popen([MLVAJRA, "run"], stdin=subprocess.DEVNULL)
    try:
        wait_until_ready()
        yield
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_until_ready() -> None:
    """Return when the app answers."""
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{URL}/readyz", timeout=2).close()  # noqa: S310  loopback
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
        else:
            return
    sys.exit("the app did not start")


def label(project: str, count: int, *, name: str = "demo-annotator") -> None:
    """Let a simulated annotator answer, as a person would."""
    command = [MLVAJRA, "demo", "annotate", project, "--labels", str(count), "--as", name]
    for _ in range(60):
        if subprocess.run([*command, "--error-rate", "0.02"], check=False).returncode == 0:
            return
        time.sleep(2)
    sys.exit(f"the demo {project} could not be labelled")


def make_properties(folder: Path) -> None:
    """Make a project of digits whose samples have several labels."""
    images, digits = load_digits(return_X_y=True)
    rows = [
        {"id": f"d{n}", "pixels": image.reshape(8, 8).tolist(), "properties": [
            name for name, those in PROPERTIES.items() if str(digit) in those
        ]} for n, (image, digit) in enumerate(zip(images, digits, strict=True))
    ]  # fmt: skip
    source = folder / "properties.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)))
    command = [MLVAJRA, "project", "create", "properties", "--source", str(source), "--multilabel"]
    command += ["--labels", ",".join(PROPERTIES), "--image", "pixels", "--gold", "properties"]
    subprocess.run([*command, "--id", "id"], check=True)
    label("properties", 60)


def simulate(page: Page) -> None:
    """Play strategies against the true labels of the digits, and wait for what comes of it."""
    path = "/api/v1/projects/digits/simulations"
    if page.evaluate(POST, [path, SIMULATION]) != 202:
        sys.exit("the simulation was not taken")
    while page.evaluate(STATE, path) in ("queued", "running"):
        time.sleep(2)


def settle(page: Page) -> None:
    """Wait until a page is drawn, charts and all."""
    page.locator(".stApp[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    page.wait_for_timeout(4_000)


def sign_in(page: Page) -> None:
    """Sign in by the form."""
    page.goto(f"{URL}/account/login")
    page.locator("input[name=name]").fill("admin")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("button[type=submit]").click()
    settle(page)


def use(page: Page) -> None:
    """Answer a few, flag one, and make the newest version champion."""
    page.goto(f"{URL}/annotate?project=spam")
    card = page.locator('.mlvajra-card:not([data-painted=""])[data-painted]')
    card.wait_for()
    page.keyboard.press("f")
    page.keyboard.type("A newsletter, but did they ask for it?")
    page.keyboard.press("Enter")
    page.wait_for_timeout(1_500)
    page.goto(f"{URL}/versions?project=spam")
    settle(page)
    page.get_by_role("button", name="Promote version").click()
    page.get_by_role("dialog").get_by_role("button", name="Promote", exact=True).click()
    settle(page)


def shoot(page: Page, name: str, scheme: str) -> None:
    """Save what the page shows, as tall as it is."""
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.goto(f"{URL}/{SHOTS[name]}")
    settle(page)
    if not name.startswith("annotate"):
        tall = page.locator("[data-testid=stMain]").evaluate("e => e.scrollHeight")
        page.set_viewport_size({"width": WIDTH, "height": max(HEIGHT, min(tall, TALLEST))})
        page.wait_for_timeout(1_000)
    page.screenshot(path=IMAGES / f"{name}-{scheme}.png")


def main() -> None:
    """Retake every picture."""
    IMAGES.mkdir(exist_ok=True)
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "workspace"):
        for project, count in (("spam", 260), ("tumours", 160), ("digits", 300)):
            label(project, count)
        label("spam", 40, name="second-annotator")
        make_properties(Path(folder))
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
            for scheme in ("light", "dark"):
                context = chromium.new_context(
                    color_scheme=scheme, viewport={"width": WIDTH, "height": HEIGHT}
                )
                page = context.new_page()
                page.goto(f"{URL}/account/login")
                page.screenshot(path=IMAGES / f"login-{scheme}.png")
                sign_in(page)
                if scheme == "light":
                    use(page)
                    simulate(page)
                for name in SHOTS:
                    shoot(page, name, scheme)
            chromium.close()


if __name__ == "__main__":
    main()

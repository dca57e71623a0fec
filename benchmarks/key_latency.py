"""From a key press to the next card on the screen, in Chromium, against a bare HTML page.

``python benchmarks/key_latency.py`` prints JSON. Both pages show the same e-mails from the same
server in the same run, take turns, fetch six ahead and post every answer; the bare one has no
Streamlit, outbox, rail or styles, and paints before it sends. Budget: p95 of ours at most 1.5
times that of the bare page.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from playwright.sync_api import Page, sync_playwright

from mlvajra_al.services import people, projects
from mlvajra_al.store.database import Store
from tests.e2e.conftest import FLAGS, PASSWORD
from tests.server import Server

BUDGET = 1.5
PAUSE_MS = 200
NEVER = 100_000

# In both pages: time from the key event to the end of the frame in which another sample stands.
PROBE = """
window.delays = [];
const root = () => document.querySelector("[data-testid=stBidiComponentIsolated]")?.shadowRoot
  ?.querySelector(".mlvajra-card") ?? document.querySelector("#bare");
window.addEventListener("keydown", (event) => {
  const before = root()?.dataset.sample;
  const look = () => requestAnimationFrame(() => {
    if (!root()?.dataset.sample || root().dataset.sample === before) return look();
    const channel = new MessageChannel();
    channel.port1.onmessage = () => window.delays.push(performance.now() - event.timeStamp);
    channel.port2.postMessage(0);
  });
  if (before) look();
}, true);
"""

BARE = """<!doctype html><meta charset="utf-8"><title>bare</title>
<div id="bare"><h2></h2><pre style="white-space: pre-wrap"></pre></div>
<script>
const bare = document.querySelector("#bare"), url = "/api/v1/projects/spam/";
const post = (path, body) => fetch(url + path, {
  method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
}).then((answer) => answer.json());
let buffer = [], fetching = false;
const paint = () => {
  const claim = buffer[0];
  bare.dataset.sample = claim?.sample_key ?? "";
  bare.querySelector("h2").textContent = claim?.card.title ?? "";
  bare.querySelector("pre").textContent = claim?.card.blocks[0].text ?? "";
};
const fill = async () => {
  if (fetching || buffer.length > 4) return;
  fetching = true;
  const empty = !buffer.length;
  buffer.push(...await post("claims", {n: 6 - buffer.length}));
  fetching = false;
  if (empty) paint();
};
window.addEventListener("keydown", (event) => {
  const label = {1: "ham", 2: "spam"}[event.key], claim = buffer[0];
  if (!label || !claim) return;
  buffer.shift();
  paint();
  post("annotations", [{event_id: crypto.randomUUID(), claim_id: claim.claim_id,
    sample_key: claim.sample_key, action: "answer", label}]);
  fill();
});
fill();
</script>"""


def prepare(server: Server) -> None:
    """Make two people, and let no retrain fall into the measured time."""
    store = Store.open(f"sqlite:///{server.home / 'mlvajra.db'}", server.home)
    now = datetime.now(UTC)
    for name in ("ours", "bare"):
        people.add(store, None, name=name, role="annotator", password=PASSWORD, now=now)
    admin = people.get(store, "admin")
    projects.change_policy(store, admin, "spam", changes={"retrain_every": NEVER}, now=now)
    store.close()


def press(page: Page, times: int) -> list[float]:
    """Press one key after the other at a reader's fastest, and return the delays in ms."""
    page.bring_to_front()
    page.wait_for_timeout(500)
    page.evaluate("window.delays.length = 0")
    for place in range(times):
        page.keyboard.press("12"[place % 2])
        page.wait_for_timeout(PAUSE_MS)
    delays: list[float] = page.evaluate("window.delays")
    return delays


def sign_in(page: Page, server: Server, name: str) -> None:
    page.goto(f"{server.url}/account/login")
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("button[type=submit]").click()
    page.wait_for_url(lambda url: "/account/" not in url)


def measure(server: Server, *, rounds: int, keys: int) -> dict[str, list[float]]:
    """Let both pages take turns, a few keys to warm up first."""
    delays: dict[str, list[float]] = {"ours": [], "bare": []}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        pages = {}
        for name in delays:
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            pages[name] = context.new_page()
            pages[name].add_init_script(PROBE)
            sign_in(pages[name], server, name)
        pages["bare"].route("**/bare", lambda route: route.fulfill(body=BARE))
        pages["bare"].goto(f"{server.url}/bare")
        pages["bare"].locator('#bare:not([data-sample=""])[data-sample]').wait_for()
        pages["ours"].goto(f"{server.url}/annotate?project=spam")
        pages["ours"].locator('.mlvajra-card:not([data-painted=""])[data-painted]').wait_for()
        for page in pages.values():
            press(page, 5)
        for _ in range(rounds):
            for name, page in pages.items():
                delays[name] += press(page, keys)
        browser.close()
    return delays


def summary(delays: list[float]) -> dict[str, Any]:
    cuts = statistics.quantiles(delays, n=20, method="inclusive")
    return {
        "keys": len(delays),
        "p50_ms": round(statistics.median(delays), 1),
        "p95_ms": round(cuts[-1], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--keys", type=int, default=40)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlvajra-latency-") as folder:
        server = Server(Path(folder) / "workspace", {"MLVAJRA_ADMIN_PASSWORD": PASSWORD})
        server.home.mkdir()
        server.start()
        try:
            server.wait_for_demos()
            prepare(server)
            delays = measure(server, rounds=asked.rounds, keys=asked.keys)
            server.stop()
        finally:
            server.end()
    found = {name: summary(values) for name, values in delays.items()}
    ratio = round(found["ours"]["p95_ms"] / found["bare"]["p95_ms"], 2)
    print(json.dumps({**found, "p95_ratio": ratio, "budget": BUDGET}, indent=2))
    sys.exit(ratio > BUDGET)


if __name__ == "__main__":
    main()

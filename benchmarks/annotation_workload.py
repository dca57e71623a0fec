"""The shared annotation workload on our own server: claims and answers over HTTP, 8 people.

Run it as ``python benchmarks/annotation_workload.py --tasks 10000 --seq 250 --workers 8
--per-worker 60 --out FILE``. It starts its own `mlvajra run` (web, worker, supervisor; all of
them count in memory and CPU) in a temporary workspace. No retrain falls into the measured time
unless ``--retrain-every`` says so, because the tools we compare with have none.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).parent))
import workload

PASSWORD = "annotation workload"
PROJECT = "workload"
NEVER = 100_000


class Mlvajra:
    """Our adapter on the interface of ``workload.run``."""

    name = "mlvajra_al"

    def __init__(self, *, retrain_every: int) -> None:
        self.retrain_every = retrain_every
        self.folder = Path(tempfile.mkdtemp(prefix="mlvajra-workload-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.clients: list[httpx.Client] = []

    def start(self) -> float:
        environment = os.environ | {
            "MLVAJRA_HOME": str(self.folder / "workspace"),
            "MLVAJRA_PORT": str(self.port),
            "MLVAJRA_DEMO": "false",
            "MLVAJRA_ADMIN_PASSWORD": PASSWORD,
        }
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlvajra_al", "run"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        seconds = workload.wait_200(f"{self.url}/readyz", timeout=60)
        self.admin = self._signed_in("admin")
        return round(seconds, 2)

    def stop(self) -> None:
        assert self.process is not None
        for client in self.clients:
            client.close()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)
        shutil.rmtree(self.folder)

    def pids(self) -> list[int]:
        assert self.process is not None
        return [self.process.pid] if psutil.pid_exists(self.process.pid) else []

    def create_project(self, tasks: list[dict[str, Any]]) -> dict[str, Any]:
        body = {
            "name": PROJECT,
            "labels": workload.CLASSES,
            "text": ["text"],
            "key_column": "id",
            "gold_column": "label",
            "retrain_every": self.retrain_every,
        }
        self._ok(self.admin.post("/api/v1/projects", json=body))
        lines = "\n".join(json.dumps(task) for task in tasks)
        started = time.perf_counter()
        sent = self.admin.post(
            f"/api/v1/projects/{PROJECT}/import?name=tasks.jsonl", content=lines.encode()
        )
        job = self._ok(sent)
        while job["state"] in ("queued", "running"):
            time.sleep(0.05)
            job = self._ok(self.admin.get(f"/api/v1/jobs/{job['id']}"))
        assert job["state"] == "done", job["error"]
        labelling_after = time.perf_counter() - started
        self._wait_until_idle()
        return {"labelling_after_s": round(labelling_after, 2)}

    def _wait_until_idle(self) -> None:
        while True:
            jobs = self._ok(self.admin.get(f"/api/v1/projects/{PROJECT}/jobs"))
            if all(job["state"] not in ("queued", "running") for job in jobs):
                return
            time.sleep(0.2)

    def login(self, number: int) -> httpx.Client:
        name = f"annotator{number}"
        added = subprocess.run(
            [sys.executable, "-m", "mlvajra_al", "user", "add", name],
            input=PASSWORD,
            env=os.environ | {"MLVAJRA_HOME": str(self.folder / "workspace")},
            text=True,
            capture_output=True,
            check=False,
        )
        assert added.returncode == 0, added.stderr
        return self._signed_in(name)

    def _signed_in(self, name: str) -> httpx.Client:
        client = httpx.Client(base_url=self.url, timeout=60)
        self.clients.append(client)
        form = {"name": name, "password": PASSWORD}
        answer = client.post("/account/login", data=form)
        assert answer.status_code == 303, answer.text
        return client

    def next_task(self, session: httpx.Client) -> tuple[str, dict[str, Any]] | None:
        claims = self._ok(session.post(f"/api/v1/projects/{PROJECT}/claims", json={"n": 1}))
        return (claims[0]["sample_key"], claims[0]) if claims else None

    def submit(
        self, session: httpx.Client, task_id: str, payload: dict[str, Any], label: str
    ) -> None:
        answer = {
            "event_id": str(uuid.uuid4()),
            "claim_id": payload["claim_id"],
            "sample_key": task_id,
            "action": "answer",
            "label": label,
        }
        self._ok(session.post(f"/api/v1/projects/{PROJECT}/annotations", json=[answer]))

    def stored(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        after = 0
        while True:
            address = f"/api/v1/projects/{PROJECT}/annotations?after={after}"
            page = self._ok(self.admin.get(address))
            if not page:
                return found
            found += [(event["sample_key"], event["person"]) for event in page]
            after = page[-1]["seq"]

    def disk_paths(self) -> dict[str, Path]:
        return {"workspace": self.folder / "workspace"}

    def _ok(self, answer: httpx.Response) -> Any:
        assert answer.is_success, f"{answer.status_code} {answer.text[:300]}"
        return answer.json()


def holds(found: dict[str, Any]) -> bool:
    """Say whether nothing was lost, shared or refused, and everything was quick enough."""
    together, stored = found["concurrent"], found["stored"]
    bad = (
        together["tasks_handed_to_2plus"],
        together["tasks_labelled_by_2plus"],
        len(together["errors"]),
        stored["lost"],
        stored["tasks_with_2plus_annotators"],
    )
    return (
        not any(bad)
        and together["throughput_per_s"] >= 300
        and together["next"]["p50_ms"] <= 12
        and together["next"]["p95_ms"] <= 25
        and together["server_cpu_ms_per_label"] <= 3
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--seq", type=int, default=250)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--per-worker", type=int, default=60)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--retrain-every", type=int, default=NEVER)
    chosen = parser.parse_args()
    adapter = Mlvajra(retrain_every=chosen.retrain_every)
    try:
        found = workload.run(
            adapter,
            n_tasks=chosen.tasks,
            seq=chosen.seq,
            workers=chosen.workers,
            per_worker=chosen.per_worker,
            out=chosen.out,
        )
    finally:
        adapter.stop()
    sys.exit(not holds(found))


if __name__ == "__main__":
    main()

"""A whole project on a large pool: time and memory of everything that people and the loop do.

``python benchmarks/large_pool.py --rows 10000000`` starts its own ``mlvajra run``, makes a Parquet
file whose labels depend on its columns, and prints a JSON line per stage: seconds, and for each
process its processor time and its peak memory meanwhile, as the system counts it (VmHWM, pages of
mapped files included) and without those pages (``anon``, looked at several times a second). It
ends with 1 where a process took more than it may or the next card came too late.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from mlvajra_al.services import claiming, overview, people, training, versions
from mlvajra_al.services import projects as service
from mlvajra_al.services.progress import progress
from mlvajra_al.store import projects
from mlvajra_al.store.database import Store

MOST_MB = 1_024.0
"""A process may take so much at any stage."""
NEXT_P95_MS = 50.0
SLICE = 100_000
NUMBERS = 10
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath")
LABELS = ("keep", "check", "drop")
PROJECT = "large"
PASSWORD = "a large pool"
LOOK_S = 0.05
EVERY = 20
ROUNDS = 6
CARDS = 300
"""So many are skipped, which makes no retrain due: each is handed out, and the skip is stored."""
IDLE_S = 3_600


def write_source(path: Path, rows: int) -> None:
    """Write rows whose label depends on three numbers and a word, a slice at a time."""
    rng = np.random.default_rng(11)
    lean = rng.normal(size=len(WORDS))
    writer: pq.ParquetWriter | None = None
    for start in range(0, rows, SLICE):
        n = min(SLICE, rows - start)
        numbers = rng.normal(size=(n, NUMBERS)).astype(np.float32)
        word = rng.integers(len(WORDS), size=n)
        score = 1.5 * numbers[:, 0] - numbers[:, 1] + 0.5 * numbers[:, 2] + lean[word]
        truth = np.digitize(score + 0.2 * rng.normal(size=n), (0.0, 1.5))
        table = pa.table(
            {
                "id": [f"r{row:08d}" for row in range(start, start + n)],
                "word": np.array(WORDS)[word],
                **{f"x{column}": numbers[:, column] for column in range(NUMBERS)},
                "truth": np.array(LABELS)[truth],
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


@dataclass(slots=True)
class Taken:
    """What one process has taken of the machine since a stage began."""

    cpu_before: float
    cpu: float = 0.0
    mb: float = 0.0
    anon: float = 0.0

    def look(self, process: psutil.Process) -> None:
        status = _status(process.pid)
        self.cpu = _cpu_s(process)
        self.mb = max(self.mb, status["VmHWM"] / 1024)
        self.anon = max(self.anon, status["RssAnon"] / 1024)

    def told(self) -> dict[str, float]:
        cpu = round(self.cpu - self.cpu_before, 1)
        return {"cpu_s": cpu, "mb": round(self.mb), "anon": round(self.anon)}


class Watch:
    """Looks several times a second at what some processes and their children take."""

    def __init__(self) -> None:
        self.roots: list[int] = []
        self._taken: dict[tuple[str, int], Taken] = {}
        self._looking = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def begin(self) -> None:
        """Forget what was taken so far, the peaks that the system counts too."""
        with self._looking:
            self._taken = {}
            for process in self._processes():
                with suppress(OSError, psutil.Error):
                    Path(f"/proc/{process.pid}/clear_refs").write_text("5")
                    self._taken[_called(process), process.pid] = Taken(_cpu_s(process))

    def told(self) -> dict[str, dict[str, float]]:
        """Return what was taken, by what each process is."""
        self._look()
        most = sorted(self._taken.items(), key=lambda item: -item[1].mb)
        return {name: taken.told() for (name, _), taken in reversed(most)}

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        with self._looking:
            for process in self._processes():
                with suppress(OSError, psutil.Error, KeyError):
                    taken = self._taken.setdefault((_called(process), process.pid), Taken(0.0))
                    taken.look(process)

    def _processes(self) -> list[psutil.Process]:
        found = []
        for root in self.roots:
            with suppress(psutil.Error):
                top = psutil.Process(root)
                found += [top, *top.children(recursive=True)]
        return found


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _status(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    pairs = (line.split(":", 1) for line in lines)
    return {name: int(value.split()[0]) for name, value in pairs if value.endswith("kB")}


def _called(process: psutil.Process) -> str:
    words = process.cmdline()
    if "--standby" in words:
        return "standby"
    if "mlvajra_al.worker" in words:
        return "worker"
    if any(word.endswith("app.py") for word in words):
        return "web"
    return "supervisor" if "run" in words else "command"


class House:
    """A server on a workspace, commands on it, and a person who answers."""

    def __init__(self, folder: Path, watch: Watch) -> None:
        self.folder, self.watch = folder, watch
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environment = os.environ | {
            "MLVAJRA_HOME": str(folder / "workspace"),
            "MLVAJRA_DATABASE_URL": "",
            "MLVAJRA_PORT": str(self.port),
            "MLVAJRA_DEMO": "false",
            "MLVAJRA_ADMIN_PASSWORD": PASSWORD,
        }
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=600)

    @contextmanager
    def open(self) -> Iterator[House]:
        with (self.folder / "log").open("wb") as log:
            process = self._started("-m", "mlvajra_al", "run", stdout=log, stderr=log)
            try:
                self._sign_in()
                yield self
            finally:
                self.client.close()
                process.send_signal(signal.SIGINT)
                process.wait(timeout=60)

    def _started(self, *words: str, **streams: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, *words]
        process = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, **streams
        )
        self.watch.roots.append(process.pid)
        return process

    def _sign_in(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            with suppress(httpx.TransportError):
                if self.client.get("/readyz").status_code == 200:
                    break
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.1)
        form = {"name": "admin", "password": PASSWORD}
        assert self.client.post("/account/login", data=form).status_code == 303

    def run(self, *words: str) -> None:
        """Run a command to its end."""
        self._said("-m", "mlvajra_al", *words)

    def write(self, command: str, name: str, *words: str) -> dict[str, Any]:
        """Run a command that writes a file, and say how large that is."""
        path = self.folder / name
        self.run(command, PROJECT, "--out", str(path), *words)
        return {"file_mb": round(path.stat().st_size / 2**20, 1)}

    def asked(self) -> dict[str, Any]:
        """Time what pages ask, in a process that has asked nothing before."""
        home = self.environment["MLVAJRA_HOME"]
        return {"first_and_again_ms": json.loads(self._said(__file__, "--asking", home))}

    def _said(self, *words: str) -> str:
        process = self._started(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, errors = process.communicate()
        assert process.returncode == 0, errors.decode()
        return out.decode()

    def get(self, path: str) -> Any:
        answer = self.client.get(f"/api/v1/projects/{PROJECT}{path}")
        assert answer.is_success, answer.text
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        answer = self.client.post(f"/api/v1/projects/{PROJECT}{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def jobs(self) -> list[dict[str, Any]]:
        return list(self.get("/jobs"))

    def rest(self) -> None:
        """Wait until no job is left."""
        deadline = time.monotonic() + IDLE_S
        while any(job["state"] in ("queued", "running") for job in self.jobs()):
            assert time.monotonic() < deadline, "gave up waiting"
            time.sleep(0.2)
        failed = [job for job in self.jobs() if job["state"] == "failed"]
        assert not failed, failed[0]["error"]


class Person:
    """Somebody who knows the truth and answers over HTTP, as the card does."""

    def __init__(self, house: House, source: Path) -> None:
        self.house = house
        column = pq.read_table(source, columns=["truth"]).column(0).combine_chunks()
        encoded = column.dictionary_encode()
        self.names = encoded.dictionary.to_pylist()
        self.truth = encoded.indices.to_numpy().astype(np.int8)
        self.next_s: list[float] = []
        self.answer_s: list[float] = []

    def answer(self, count: int, action: str = "answer") -> None:
        for _ in range(count):
            started = time.perf_counter()
            (claim,) = self.house.post("/claims", {"n": 1})
            claimed = time.perf_counter()
            key = claim["sample_key"]
            said = {
                "event_id": str(uuid.uuid4()),
                "claim_id": claim["claim_id"],
                "sample_key": key,
                "action": action,
                "label": self.names[self.truth[int(key[1:])]] if action == "answer" else None,
            }
            self.house.post("/annotations", [said])
            self.next_s.append(claimed - started)
            self.answer_s.append(time.perf_counter() - claimed)

    def pace(self) -> dict[str, Any]:
        """Return how long next and answer took since it was last asked."""
        found = {"next_ms": spread(self.next_s), "answer_ms": spread(self.answer_s)}
        self.next_s, self.answer_s = [], []
        return found


def spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(1_000 * value for value in seconds)
    at95 = ordered[int(0.95 * (len(ordered) - 1))]
    return {
        "p50": round(statistics.median(ordered), 1),
        "p95": round(at95, 1),
        "max": round(ordered[-1], 1),
    }


class Diary:
    """What each stage took, told as it ends."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.worst_mb = 0.0

    def stage(self, name: str, act: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
        self.watch.begin()
        started = time.perf_counter()
        more = act() or {}
        seconds = time.perf_counter() - started
        took = self.watch.told()
        self.worst_mb = max([self.worst_mb, *(one["mb"] for one in took.values())])
        line = {"stage": name, "seconds": round(seconds, 2), **more, "processes": took}
        print(json.dumps(line), flush=True)
        return line


def create(house: House, source: Path) -> None:
    columns = ",".join(["word", *(f"x{number}" for number in range(NUMBERS))])
    house.run(
        *("project", "create", PROJECT, "--source", str(source), "--columns", columns),
        *("--id", "id", "--gold", "truth", "--labels", ",".join(LABELS), "--seed", "5"),
    )


def prepared(house: House) -> dict[str, Any]:
    """Wait for the features, and say how much of it went into choosing the first samples."""
    begun: dict[str, float] = {}
    while True:
        job = next((job for job in house.jobs() if job["kind"] == "prepare"), None)
        if job is not None and job["state"] not in ("queued", "running"):
            break
        message = "" if job is None else str(job.get("message") or "")
        begun.setdefault(message.split(" ")[0], time.perf_counter())
        time.sleep(LOOK_S)
    assert job["state"] == "done", job["error"]
    ended = time.perf_counter()
    chosen = ended - begun["Choosing"] if "Choosing" in begun else 0.0
    return {"of_which_cold_start_s": round(chosen, 2)}


def retrains(house: House, person: Person, rounds: int) -> dict[str, Any]:
    """Answer until a retrain is due, some times, and wait for each ranking that comes of it."""
    waited = []
    for _ in range(rounds):
        before = len(house.get("/versions"))
        person.answer(house.get("/progress")["until_retrain"])
        started = time.perf_counter()
        while len(house.get("/versions")) == before:
            time.sleep(LOOK_S)
        waited.append(round(time.perf_counter() - started, 2))
        house.rest()
    newest = house.get("/versions")[-1]
    return {
        "answers_to_new_ranking_s": waited,
        "labels": newest["n_labels"],
        **person.pace(),
        **{f"{kind}_s": took for kind, took in durations(house).items()},
    }


def durations(house: House) -> dict[str, list[float]]:
    """Return how long the jobs of each kind ran, oldest first."""
    found: dict[str, list[float]] = {}
    for job in sorted(house.jobs(), key=lambda job: int(job["id"])):
        if job.get("started_at") and job.get("finished_at"):
            begun, ended = (
                datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at")
            )
            found.setdefault(job["kind"], []).append(round((ended - begun).total_seconds(), 2))
    return found


def asked(home: Path) -> dict[str, list[float]]:
    """Return milliseconds of what the home, data and train pages ask, first and again.

    And of new random samples behind a ranking that has run dry, for which the next card waits.
    """
    store = Store.open(f"sqlite:///{home}/mlvajra.db", home)
    admin, now = people.get(store, "admin"), datetime.now(UTC)
    questions: dict[str, Callable[[], object]] = {
        "progress": lambda: progress(store, admin, PROJECT, now=now),
        "imports": lambda: overview.imports(store, admin, PROJECT),
        "columns": lambda: overview.pool_columns(store, admin, PROJECT),
        "rate": lambda: overview.answer_rate(store, admin, PROJECT, now=now),
        "next_asked": lambda: overview.next_asked(store, admin, PROJECT),
        "recent": lambda: overview.recent_answers(store, admin, PROJECT),
        "search": lambda: overview.recent_answers(store, admin, PROJECT, text="amber"),
        "sample": lambda: overview.sample(store, admin, PROJECT, "r00000042"),
        "jobs": lambda: training.jobs_of(store, admin, PROJECT, limit=100),
        "versions": lambda: versions.listed(store, admin, PROJECT),
        "projects": lambda: service.listed(store, admin),
        "refill": lambda: refilled(store, holdout=False),
        "refill_holdout": lambda: refilled(store, holdout=True),
    }
    out = {}
    for name, ask in questions.items():
        times = []
        for _ in range(3):
            started = time.perf_counter()
            ask()
            times.append(time.perf_counter() - started)
        out[name] = [round(1_000 * times[0], 1), round(1_000 * min(times[1:]), 1)]
    store.close()
    return out


def refilled(store: Store, *, holdout: bool) -> None:
    with store.begin() as connection:
        project = projects.by_name(connection, PROJECT)
        rng = np.random.default_rng(3)
        claiming.refill(store, connection, project, holdout=holdout, rng=rng)


def measure(folder: Path, rows: int, rounds: int) -> bool:
    """Go through everything, and tell whether it kept to what it may take."""
    source, workspace = folder / "pool.parquet", folder / "workspace"
    with Watch() as watch, House(folder, watch).open() as house:
        diary = Diary(watch)
        diary.stage("source", lambda: write_source(source, rows) or {"rows": rows})
        diary.stage("import", lambda: create(house, source))
        diary.stage("prepare", lambda: prepared(house))
        person = Person(house, source)
        diary.stage("retrains", lambda: retrains(house, person, rounds))
        skipped = diary.stage("cards", lambda: person.answer(CARDS, "skip") or person.pace())
        diary.stage("pages", lambda: house.asked())
        diary.stage("predict", lambda: house.write("predict", "answers.parquet", "--pool"))
        diary.stage("export labels", lambda: house.write("export", "labels.csv"))
        diary.stage("import again", lambda: house.run("import", PROJECT, "--source", str(source)))
        diary.stage("doctor", lambda: house.run("doctor"))
        diary.stage("backup", lambda: house.run("backup", str(folder / "backups")))
    size = sum(file.stat().st_size for file in workspace.rglob("*") if file.is_file())
    late = skipped["next_ms"]["p95"]
    found = {"rows": rows, "worst_mb": diary.worst_mb, "aim_mb": MOST_MB, "next_p95_ms": late}
    found |= {"aim_ms": NEXT_P95_MS, "workspace_mb": round(size / 2**20)}
    print(json.dumps(found | {"load_average": os.getloadavg()}), flush=True)
    return diary.worst_mb <= MOST_MB and late <= NEXT_P95_MS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="retrains to wait for")
    parser.add_argument("--folder", type=Path, help="where to work, and to leave everything")
    parser.add_argument("--asking", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.asking:
        print(json.dumps(asked(given.asking)))
        return
    if given.folder:
        given.folder.mkdir(parents=True)
        sys.exit(not measure(given.folder, given.rows, given.rounds))
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(not measure(Path(folder), given.rows, given.rounds))


if __name__ == "__main__":
    main()

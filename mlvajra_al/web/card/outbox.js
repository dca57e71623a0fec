// Answers on their way to the server. Nothing leaves the outbox before the server has said
// that it is stored, or a person has read why it cannot be.

const OUTBOX = "mlvajra-outbox";
const BATCH = 16;
const BACK_OFF_MS = [400, 800, 1600, 3200, 6400, 12800];
const ASK_AGAIN_MS = 8000;
const TIMEOUT_MS = 15000;
const EMPTIED = "mlvajra:emptied"; // tells the frame of the page, which may be drawn without our answers
const SILENT_MS = 150000; // a hidden tab's timers fire once a minute

function uuid() {
  if (globalThis.crypto?.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // plain http on a network
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function projectUrl(project, path) {
  return `/api/v1/projects/${encodeURIComponent(project)}/${path}`;
}

// One request; never throws. status 0 = nobody answered, 401 = also a redirect to the sign-in page.
async function call(method, url, body, { keepalive = false, patience = TIMEOUT_MS } = {}) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), patience);
  try {
    const response = await fetch(url, {
      method,
      keepalive,
      credentials: "same-origin",
      redirect: "manual",
      signal: keepalive ? undefined : abort.signal,
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: body === null ? undefined : JSON.stringify(body),
    });
    if (response.type === "opaqueredirect") return { status: 401, data: null, type: "NotSignedIn", message: "" };
    const data = response.status === 204 ? null : await response.json().catch(() => undefined);
    if (data === undefined) return { status: response.ok ? 502 : response.status, data: null, type: "", message: "" };
    const error = data?.error ?? {};
    return { status: response.status, data, type: error.type ?? "", message: error.message ?? "", detail: error.detail };
  } catch {
    return { status: 0, data: null, type: "", message: "" };
  } finally {
    clearTimeout(timer);
  }
}

// Hold a name for as long as this tab lives; null if another live tab holds it.
async function hold(name) {
  if (navigator.locks) {
    return new Promise((resolve) => {
      navigator.locks.request(name, { ifAvailable: true }, (lock) => {
        if (!lock) return resolve(null);
        return new Promise((release) => resolve(release));
      });
    });
  }
  const mark = `${name}:alive`;
  try {
    if (Date.now() - Number(localStorage.getItem(mark) ?? 0) < SILENT_MS) return null;
    const beat = () => localStorage.setItem(mark, String(Date.now()));
    beat();
    const timer = setInterval(beat, SILENT_MS / 10);
    const release = () => {
      clearInterval(timer);
      localStorage.removeItem(mark);
    };
    window.addEventListener("pagehide", release, { once: true });
    return release;
  } catch {
    return () => {};
  }
}

function follows(later, earlier) {
  return later.answer.supersedes === earlier.answer.event_id;
}

class Outbox {
  constructor(person, project) {
    this.person = person;
    this.project = project;
    this.prefix = `${OUTBOX}/${encodeURIComponent(person)}/`;
    this.key = `${this.prefix}${encodeURIComponent(project)}/${uuid()}`;
    this.items = [];
    this.rejected = [];
    this.state = "idle"; // idle | sending | offline | trouble | signed_out | wrong_person
    this.reason = "";
    this.stored = true; // false: the browser does not keep our copy
    this.failures = 0;
    this.timer = null;
    this.pumping = false;
    this.waiting = {}; // answers of other people in this browser, by person
    this.looked = false; // for what closed tabs have left
    this.onChange = () => {};
    this.onSaved = () => {};
    hold(this.key);
    window.addEventListener("online", () => this.now());
    window.addEventListener("focus", () => this.now());
    window.addEventListener("pagehide", () => this.farewell());
    window.addEventListener("beforeunload", (event) => {
      if (this.loses()) event.preventDefault();
    });
    setInterval(() => this.adopt(), ASK_AGAIN_MS);
  }

  // `answer` is what the server gets; `local` what the rail and the notices need until then.
  // It is safe in the browser when this returns; `pump` sends it.
  add(answer, local) {
    this.items.push({ project: this.project, answer: { ...answer, person: this.person }, local });
    this.keep();
  }

  keep() {
    try {
      if (this.items.length || this.rejected.length) {
        localStorage.setItem(this.key, JSON.stringify({ items: this.items, rejected: this.rejected }));
      } else {
        localStorage.removeItem(this.key);
      }
      this.stored = true;
    } catch {
      this.stored = false;
    }
  }

  // Whether something would be gone with the page.
  loses() {
    return !this.stored && this.items.length + this.rejected.length > 0;
  }

  // Take over what closed tabs of the same person have left behind.
  async adopt() {
    for (const key of this.keys()) {
      if (!key.startsWith(this.prefix) || key === this.key) continue;
      const release = await hold(key);
      if (!release) continue;
      try {
        const left = JSON.parse(localStorage.getItem(key) ?? "{}");
        this.items.unshift(...(left.items ?? []));
        this.rejected.unshift(...(left.rejected ?? []));
        this.keep();
        if (this.stored) localStorage.removeItem(key);
      } catch {
        // not ours to read: leave it where it is
      }
      release();
    }
    this.waiting = this.others();
    this.looked = true;
    this.onChange();
    this.pump();
  }

  keys() {
    try {
      return Object.keys(localStorage).filter((key) => key.startsWith(`${OUTBOX}/`) && !key.endsWith(":alive"));
    } catch {
      return [];
    }
  }

  // How many answers of other people wait in this browser, by person.
  others() {
    const waiting = Object.create(null); // somebody may be called "constructor"
    for (const key of this.keys()) {
      if (key.startsWith(this.prefix)) continue;
      try {
        const person = decodeURIComponent(key.split("/")[1]);
        const left = JSON.parse(localStorage.getItem(key)).items.length;
        if (left) waiting[person] = (waiting[person] ?? 0) + left;
      } catch {
        continue;
      }
    }
    return waiting;
  }

  has(sampleKey) {
    return this.items.some((item) => item.answer.sample_key === sampleKey);
  }

  claims() {
    return this.items.map((item) => item.answer.claim_id).filter(Boolean);
  }

  now() {
    clearTimeout(this.timer);
    this.timer = null;
    this.pump();
  }

  async pump() {
    if (this.pumping || this.timer) return;
    this.pumping = true;
    const filled = this.items.length > 0;
    let alone = 0;
    while (this.items.length) {
      if (this.state === "idle") this.to("sending");
      const project = this.items[0].project;
      const foreign = this.items.findIndex((item) => item.project !== project);
      const size = Math.min(alone ? 1 : BATCH, foreign < 0 ? this.items.length : foreign);
      const batch = this.items.slice(0, size);
      const body = batch.map((item) => item.answer);
      const result = await call("POST", projectUrl(project, "annotations"), body);
      if (result.status >= 200 && result.status < 300 && this.settle(result.data ?? [])) {
        this.failures = 0;
        alone = Math.max(0, alone - size);
        this.to("sending");
      } else if (this.isRefusal(result)) {
        if (batch.length > 1) {
          alone = batch.length; // find out which one
        } else {
          alone = Math.max(0, alone - 1);
          this.reject(batch[0], result);
        }
      } else {
        this.wait(result);
        break;
      }
    }
    this.pumping = false;
    if (!this.items.length) {
      clearTimeout(this.timer);
      this.timer = null;
      this.to("idle");
      if (filled) window.dispatchEvent(new Event(EMPTIED));
    }
  }

  isRefusal({ status, type }) {
    if (type === "WrongPerson") return false;
    return status >= 400 && status < 500 && ![401, 408, 425, 429].includes(status);
  }

  settle(recorded) {
    const known = new Map(recorded.map((item) => [item.event_id, item]));
    const saved = this.items.filter((item) => known.has(item.answer.event_id));
    if (!saved.length) return false;
    this.items = this.items.filter((item) => !known.has(item.answer.event_id));
    this.keep();
    for (const item of saved) this.onSaved(item, known.get(item.answer.event_id));
    return true;
  }

  reject(item, { status, type, message, detail }) {
    const newer = type === "Superseded" ? detail?.event_id ?? null : undefined; // said elsewhere
    this.items = this.items.filter((other) => other !== item);
    // What takes a refused answer back has nothing left to do.
    const gone = [item, ...this.items.filter((other) => other.answer.action === "retract" && follows(other, item))];
    this.items = this.items.filter((other) => !gone.includes(other));
    const next = this.items.find((other) => gone.some((one) => follows(other, one)));
    if (next && newer === undefined) next.answer.supersedes = item.answer.supersedes;
    // Of taking back and answering anew, the answer tells why it was refused.
    if (!next || newer === undefined || item.answer.action !== "retract") {
      this.rejected.push({ ...item, newer, reason: message || `the server answered ${status}` });
    }
    this.keep();
    this.onChange();
  }

  retry(item) {
    this.rejected = this.rejected.filter((other) => other !== item);
    const { reason, newer, ...again } = item;
    if (newer !== undefined) again.answer = { ...again.answer, supersedes: newer };
    this.items.push(again);
    this.keep();
    this.onChange();
    this.now();
  }

  forget(item) {
    this.rejected = this.rejected.filter((other) => other !== item);
    this.keep();
    this.onChange();
  }

  wait({ status, type, message }) {
    const word = { 0: "offline", 401: "signed_out" }[status] ?? (type === "WrongPerson" ? "wrong_person" : "trouble");
    const asks = word === "signed_out" || word === "wrong_person";
    const delay = asks ? ASK_AGAIN_MS : BACK_OFF_MS[Math.min(this.failures, BACK_OFF_MS.length - 1)];
    this.failures += 1;
    this.timer = setTimeout(() => this.now(), delay * (0.8 + 0.4 * Math.random()));
    this.to(word, message);
  }

  to(state, reason = "") {
    this.state = state;
    this.reason = reason;
    this.onChange();
  }

  // The page goes away: a last try. The copy in the browser stays until an answer comes.
  farewell() {
    if (!this.items.length || this.state === "wrong_person") return;
    const mine = this.items.filter((item) => item.project === this.items[0].project).slice(0, BATCH);
    const body = mine.map((item) => item.answer);
    call("POST", projectUrl(mine[0].project, "annotations"), body, { keepalive: true });
  }
}

// One outbox per person and project in a tab, whichever page of the app is open.
function outboxOf(person, project) {
  const all = (window.mlvajraOutboxes ??= new Map());
  const name = JSON.stringify([person, project]);
  if (!all.has(name)) all.set(name, new Outbox(person, project));
  return all.get(name);
}

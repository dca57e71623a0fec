// Claims: fetched ahead, renewed while the card is looked at, given back on leaving.

Object.assign(LabellingCard.prototype, {
  post(path, body, options) {
    return call(options?.method ?? "POST", projectUrl(this.project, path), { ...body, person: this.person }, options);
  },

  refill() {
    if (this.buffer.length <= this.ahead() - 2) this.fetchClaims();
  },

  async fetchClaims() {
    const n = this.ahead() - this.buffer.length;
    if (this.fetching || this.dead || n <= 0) return;
    this.fetching = true;
    const result = await this.post("claims", { n });
    this.fetching = false;
    clearTimeout(this.slow);
    this.slow = null;
    if (this.dead) return this.release((result.data ?? []).map((claim) => claim.claim_id));
    if (result.status >= 200 && result.status < 300) this.take(result.data ?? []);
    else this.noClaims(result);
    this.changed();
  },

  take(claims) {
    this.linked("ok");
    const known = new Set(this.buffer.map((claim) => claim.sample_key));
    const fresh = claims.filter((claim) => !known.has(claim.sample_key) && !this.outbox.has(claim.sample_key));
    const empty = !this.buffer.length;
    this.buffer.push(...fresh);
    this.end = this.buffer.length ? null : this.ending();
    if (empty) this.show();
  },

  noClaims({ status, type, message }) {
    this.unlinked(status, type);
    if (this.buffer.length) return;
    const words = sentence(message);
    if (status === 0) this.end = ["The server cannot be reached", "This page keeps trying. Answers you have given are kept in this browser."];
    else if (status === 401) this.end = ["You are signed out", "Sign in again to go on. Answers you have given are kept in this browser."];
    else if (type === "WrongPerson") this.end = ["Somebody else is signed in", words];
    else if (status === 404) this.end = ["This project is gone", words || "Choose another one in the sidebar."];
    else if (status === 409 || status === 403) this.end = ["Not open for labelling", words];
    else this.end = ["The server has trouble", words || "This page keeps trying."];
    this.show();
  },

  unlinked(status, type) {
    if (status === 0) this.linked("offline");
    else if (status === 401) this.linked("signed_out");
    else if (type === "WrongPerson") this.linked("wrong_person");
  },

  ending() {
    const { left, loop_state: loop, loop_message: message, mine, until_retrain: until } = this.counted;
    const begun = mine > 0 || Object.values(this.counted.counts).some(Boolean);
    if (!this.known) return null;
    if (loop === "preparing") return ["The data is being read", message];
    if (loop === "needs_labels" && until === 0) return ["The pool is finished", message, true];
    if (left > 0 && (loop !== "done" || !begun)) return ["All done for you", `${count(left, "sample")} ${left === 1 ? "is with somebody else, or wants" : "are with other people, or want"} another person's answer. New ones appear here by themselves.`, true];
    if (!begun) return ["Nothing to label yet", "There are no samples yet. Once data is imported, they appear here by themselves."];
    return ["The pool is finished", "Every sample has an answer. Thank you!", true];
  },

  // What one could do next: look over one's answers, or go where samples are left.
  ways() {
    this.lookElsewhere();
    const view = [...document.querySelectorAll(VIEWS)].at(-1);
    const over = view && this.counted.mine ? el("button", { type: "button", class: "action", onclick: () => view.click() }, "Look over my answers") : null;
    const links = this.elsewhere.map((name) => el("a", { class: "action", href: `/annotate?project=${encodeURIComponent(name)}` }, `Go on with ${name}`));
    return el("p", { class: "ways" }, over, ...links);
  },

  async lookElsewhere() {
    if (this.looked) return;
    this.looked = true;
    const ask = (path) => call("GET", `/api/v1/projects${path}`, null);
    const names = ((await ask("")).data ?? []).filter((one) => one.name !== this.project && !one.archived_at).map((one) => one.name);
    for (const name of names.slice(0, PLACES)) {
      const { data } = await ask(`/${encodeURIComponent(name)}/progress`);
      if (data?.left) this.elsewhere.push(name);
    }
    if (!this.dead && !this.buffer.length && this.end) this.show();
  },

  offline() {
    return this.link === "offline" || this.outbox.state === "offline";
  },

  // What one has said before is looked up by the server: without it the view would stay empty.
  lookUp(event) {
    const view = event.target.closest?.(VIEWS);
    if (!view || view.getAttribute("aria-checked") === "true" || !this.offline()) return;
    const acts = event.type === "click" || (event.type === "keydown" && /^( |Enter|Arrow.*)$/.test(event.key));
    if (event.type === "keydown" && !acts) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (acts) this.notice("My answers are looked up on the server, which cannot be reached now. Try again when it is back.", "lookup");
  },

  linked(link) {
    if (this.link === link) return;
    this.link = link;
    this.changed();
  },

  beatSoon() {
    if (this.soon) return;
    this.soon = setTimeout(() => this.beat(), SOON_MS);
  },

  async beat({ returned = false } = {}) {
    clearTimeout(this.timer);
    clearTimeout(this.soon);
    this.soon = null;
    if (this.dead) return;
    this.returned ||= returned; // said while a beat is under way, it holds for the next
    const again = () => {
      clearTimeout(this.timer);
      const fast = this.counted.loop_state === "training" || this.counted.loop_state === "queued";
      this.timer = setTimeout(() => this.beat(), fast ? HEARTBEAT_MS / 3 : HEARTBEAT_MS);
    };
    if (this.beating || document.visibilityState !== "visible") return again();
    this.beating = true;
    const saves = this.saves;
    const shown = this.buffer[0];
    const back = this.returned;
    this.returned = false;
    const claims = [...this.buffer.map((claim) => claim.claim_id), ...this.outbox.claims()].filter(Boolean);
    const result = await this.post("claims/heartbeat", { claims });
    this.beating = false;
    if (this.dead) return;
    if (result.status === 200) this.heard(result.data, { fresh: saves === this.saves, asked: claims, returned: back && shown === this.buffer[0] });
    else this.noClaims(result);
    if (this.returned && result.status === 200) this.beat();
    else again();
  },

  heard({ labels, ...state }, { fresh, asked, returned }) {
    const newer = this.known && state.version !== this.counted.version;
    this.linked("ok");
    if (labels) this.relabel(labels);
    if (fresh || !this.known) {
      this.counted = { ...this.counted, ...state };
      this.known = true;
    } else {
      const { counts, mine, left, until_retrain, ...loop } = state;
      Object.assign(this.counted, loop);
      this.beatSoon();
    }
    this.dropLost(new Set(state.held ?? asked), new Set(asked), returned);
    if (newer) this.exchange(state.version);
    if (!this.buffer.length && !this.fetching) { // what is on its way says itself whether anything is left
      const before = JSON.stringify(this.end);
      this.end = this.ending();
      if (JSON.stringify(this.end) !== before) this.show();
    }
    this.refill();
    this.changed();
  },

  // A claim whose lease ran out while nobody looked belongs to somebody else now.
  dropLost(held, asked, returned) {
    const shown = this.buffer[0];
    const lost = (claim) => claim.claim_id && asked.has(claim.claim_id) && !held.has(claim.claim_id);
    const keep = (claim) => !lost(claim) || (claim === shown && !returned);
    if (this.buffer.every(keep)) return;
    this.buffer = this.buffer.filter(keep);
    if (this.buffer[0] !== shown) {
      this.notice("You were away: the sample that stood here went to somebody else.");
      this.show();
    }
  },

  // A new version ranks the pool anew: what nobody has seen yet makes room for better questions.
  async exchange(version) {
    const more = this.counted.left > this.buffer.length;
    this.notice(`Version ${version} is ready${more ? ": it chooses what comes next" : ""}.`, "version");
    const stale = this.buffer.slice(1).filter((claim) => claim.claim_id && !claim.seen);
    if (!stale.length || this.fetching) return;
    this.fetching = true;
    const result = await this.post("claims", { n: stale.length });
    this.fetching = false;
    const claims = result.status >= 200 && result.status < 300 ? (result.data ?? []) : [];
    if (this.dead) return this.release(claims.map((claim) => claim.claim_id));
    const unshown = new Set(this.buffer.slice(1));
    const out = stale.filter((claim) => unshown.has(claim)).slice(0, claims.length);
    this.buffer = this.buffer.filter((claim) => !out.includes(claim));
    this.take(claims);
    this.release(out.map((claim) => claim.claim_id));
  },

  release(claims, keepalive = false) {
    if (claims.length) this.post("claims", { claims }, { method: "DELETE", keepalive });
  },

  leave(keepalive) {
    const claims = this.buffer.map((claim) => claim.claim_id).filter(Boolean);
    this.buffer = [];
    this.painted = null;
    this.release(claims, keepalive);
  },
});

const mounted = new WeakMap();

// Streamlit calls this at mounting and again whenever the script has run.
export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".mlvajra-card");
  const { labels, ...others } = data;
  const [same, named] = [others, labels].map((part) => JSON.stringify(part));
  const before = mounted.get(root);
  let card = before?.card;
  if (before?.same !== same) {
    card?.destroy();
    card = data.show ? showOnly(root, data.show) : new LabellingCard(root, data);
  } else if (before.named !== named) card.relabel(labels);
  mounted.set(root, { card, same, named });
  return () => {
    mounted.get(root)?.card?.destroy();
    mounted.delete(root);
  };
}

// A card to read, not to answer: for reviewers.
function showOnly(root, card) {
  const head = el("header", { class: "head" });
  const body = el("div", { class: "body", tabindex: "0", role: "group", "aria-label": "The sample" });
  root.replaceChildren(el("div", { class: "frame" }, el("article", { class: "sheet reading" }, head, body)));
  paintCard(head, body, card);
  return null;
}

// The labelling card: owns its buffer, so that a key always answers what is on the screen.

const BUFFER = 6; // cards fetched ahead: few, so that a new ranking is felt soon
const AHEAD = 12; // for who is fast: more time without the server
const FAST_MS = 3000; // a card
const HEARTBEAT_MS = 5000;
const SOON_MS = 800;
const NOTICE_MS = 9000;
const DOUBLE_CLICK_MS = 350;
const SLOW_MS = 180; // before this, waiting shows nothing: no flicker
const PLACES = 5; // other projects to ask about
const PACE_OVER = 20;
const PAUSE_MS = 60000;
const FLASH_MS = 120;
const LONG_LABEL = 16; // longer ones may be cut on their button

const VIEWS = ".st-key-annotate_view [role=radio]"; // Label, My answers: of the page round the card
const GUIDELINES = ".st-key-slim [data-testid=stPopoverButton]";
const SCROLLS = { ArrowDown: 60, ArrowUp: -60, PageDown: 300, PageUp: -300, " ": 300 };
const PRESSES = ["pointerdown", "pointerup", "mousedown", "mouseup", "click", "keydown"];

class LabellingCard {
  constructor(root, data) {
    this.root = root;
    this.project = data.project;
    this.labels = data.labels;
    this.several = data.multilabel; // a key chooses a label, Enter answers with all that are chosen
    this.chosen = new Set();
    this.person = data.person;
    this.outbox = outboxOf(data.person, data.project);
    this.buffer = [];
    this.history = [];
    this.painted = null; // the claim whose card the browser has painted
    this.since = 0;
    this.moments = [];
    this.counted = { counts: {}, mine: 0, left: 0, until_retrain: 0, retrain_every: 20, version: null, champion: null, loop_state: "waiting", loop_message: "" };
    this.known = false;
    this.relabelled = -Infinity;
    this.saves = 0;
    this.returned = false; // to a card that nobody looked at for a while
    this.link = "ok"; // ok | offline | signed_out | wrong_person
    this.end = null; // [title, words, are there ways on] when there is no card to show
    this.elsewhere = []; // other projects with samples left, once looked for
    this.dead = false;
    this.build(data.admin);
    this.listen();
    this.outbox.onChange = () => this.changed();
    this.outbox.onSaved = (item, recorded) => this.saved(item, recorded);
    this.slow = setTimeout(() => {
      this.slow = null;
      this.show();
    }, SLOW_MS);
    this.outbox.adopt();
    this.fetchClaims();
    this.beat();
  }

  build(admin) {
    this.head = el("header", { class: "head" });
    this.why = el("p", { class: "why", hidden: true });
    this.said = el("p", { class: "said", hidden: true });
    this.body = el("div", { class: "body", tabindex: "0", role: "group", "aria-label": "The sample" });
    this.sheet = el("article", { class: "sheet" }, this.head, this.said, this.body, this.why);
    this.status = el("p", { class: "status" });
    this.signIn = el("a", { class: "sign-in", href: "/account/login", target: "_blank", rel: "noopener", hidden: true }, "Sign in again");
    this.notices = el("div", { class: "notices", "aria-live": "polite" });
    this.spoken = el("p", { class: "hearing", "aria-live": "polite" });
    this.undoButton = this.actionButton("Undo", "u", () => this.undo());
    this.skipButton = this.actionButton("Skip", "s", (event) => this.pressed(event, () => this.answer("skip", null)));
    this.flagButton = this.actionButton("Flag", "f", () => this.openFlag());
    this.saveButton = this.several ? this.actionButton("Save", "Enter", (event) => this.pressed(event, () => this.save())) : null;
    this.saveButton?.classList.add("primary", "save");
    this.last = el("span", { class: "last" });
    this.flag = this.flagForm();
    this.overlay = this.shortcuts();
    this.rail = new Rail(this.labels, admin);
    this.bar = el("div", { class: "labels", role: "group", "aria-label": "Labels" });
    this.drawLabels();
    this.actions = el("div", { class: "actions" }, this.saveButton, this.undoButton, this.skipButton, this.flagButton, this.last, this.actionButton(window.matchMedia("(hover: none)").matches ? "Help" : "Shortcuts", "?", () => this.openShortcuts()));
    this.top = el("div", { class: "top" }, this.status, this.signIn);
    const main = el("div", { class: "main" }, this.top, this.sheet, this.notices, this.bar, this.actions, this.flag, this.spoken);
    this.root.replaceChildren(el("div", { class: "frame" }, el("div", { class: "grid" }, main, this.rail.node)), this.overlay);
    this.fit();
    this.show();
    this.changed();
  }

  labelButton(label) {
    const press = (event) => this.pressed(event, () => this.give(label.name));
    const tip = [label.display.length > LONG_LABEL && label.display, label.definition].filter(Boolean).join(": ");
    return el("button", { type: "button", class: "label", "--c": label.color, "--ink": inkOn(label.color), "data-label": label.name, "data-tip": tip || null, "aria-description": label.definition || null, "aria-keyshortcuts": label.key, onclick: press },
      el("kbd", {}, label.key.toUpperCase()), el("span", { dir: "auto" }, label.display));
  }

  actionButton(words, key, press) {
    return el("button", { type: "button", class: "action", "aria-keyshortcuts": key, onclick: press }, el("span", {}, words), el("kbd", {}, key));
  }

  flagForm() {
    this.comment = el("textarea", { rows: "2", maxlength: "2000", placeholder: "What is wrong or unclear? (may stay empty)", "aria-label": "Comment for the reviewer" });
    const send = (event) => {
      event?.preventDefault();
      const comment = this.comment.value.trim();
      this.closeFlag();
      this.answer("flag", null, comment);
    };
    const form = el("form", { class: "flag", hidden: true, onsubmit: send, onkeydown: (event) => {
      event.stopPropagation(); // Streamlit has shortcuts of its own
      if (event.key === "Escape") this.closeFlag();
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target === this.comment) send(event);
    } }, el("label", {}, "Flag this sample for a reviewer", this.comment),
    el("div", { class: "flag-buttons" },
      el("button", { type: "button", class: "action", onclick: () => this.closeFlag() }, el("span", {}, "Cancel"), el("kbd", {}, "Esc")),
      el("button", { type: "submit", class: "action primary" }, el("span", {}, "Flag it"), el("kbd", {}, "Enter"))));
    return form;
  }

  // Keys and what they do; where there is no keyboard, buttons and what they do.
  shortcuts() {
    const keys = !window.matchMedia("(hover: none)").matches;
    const title = keys ? "Shortcuts" : "What the buttons do";
    const line = (mark, ...words) => el("div", {}, el("dt", {}, mark), el("dd", {}, ...words));
    const row = (key, name, does, also = "") => line(keys ? el("kbd", {}, key) : el("b", {}, name), keys ? `${name}: ${does}${also}` : does);
    const labels = this.labels.map((label) => line(
      keys ? el("kbd", {}, label.key.toUpperCase()) : el("b", { dir: "auto" }, label.display),
      keys ? [label.display, label.definition].filter(Boolean).join(": ") : label.definition || "This label fits"));
    this.guideRow = row("g", "Guidelines", "what the labels mean", "; again to close them");
    const others = [
      this.several ? row("Enter", "Save", "store the chosen labels; without any: none of these") : null,
      row("u", "Undo", "bring the last card back", " (also Backspace)"),
      row("s", "Skip", "let somebody else decide"),
      row("f", "Flag", "tell a reviewer"),
      this.guideRow,
      keys ? line(el("kbd", {}, "↑ ↓ Space"), "Scroll the card") : null,
      keys ? line(el("kbd", {}, "?"), "Show or hide this") : null,
    ].filter(Boolean);
    const close = el("button", { type: "button", class: "action", onclick: () => this.closeShortcuts() }, el("span", {}, "Close"), el("kbd", {}, "Esc"));
    const box = el("div", { class: "box" }, el("h2", {}, title), el("dl", { class: keys ? "" : "buttons" }, ...labels, ...others), close);
    return el("dialog", { class: "overlay", "aria-label": title, onclick: (event) => event.target === this.overlay && this.closeShortcuts() }, box);
  }

  listen() {
    this.onKey = (event) => this.key(event);
    this.onSight = () => document.visibilityState === "visible" && this.beat({ returned: true });
    this.onLeave = () => this.leave(true);
    this.onResize = () => this.fit();
    this.sizes = new ResizeObserver(this.onResize);
    const heading = document.querySelector(".st-key-slim"); // it may break its line after a resize
    for (const part of [heading, this.top, this.notices, this.bar, this.actions]) if (part) this.sizes.observe(part);
    this.onReturn = (event) => event.persisted && this.fetchClaims();
    this.onLook = (event) => this.lookUp(event);
    for (const kind of PRESSES) window.addEventListener(kind, this.onLook, true);
    window.addEventListener("keydown", this.onKey, true);
    document.addEventListener("visibilitychange", this.onSight);
    window.addEventListener("pagehide", this.onLeave);
    window.addEventListener("pageshow", this.onReturn);
    window.addEventListener("resize", this.onResize);
    window.addEventListener("online", this.onSight);
    window.addEventListener("focus", this.onSight);
  }

  destroy() {
    this.dead = true;
    clearTimeout(this.timer);
    clearTimeout(this.slow);
    this.sizes.disconnect();
    for (const kind of PRESSES) window.removeEventListener(kind, this.onLook, true);
    window.removeEventListener("keydown", this.onKey, true);
    document.removeEventListener("visibilitychange", this.onSight);
    window.removeEventListener("pagehide", this.onLeave);
    window.removeEventListener("pageshow", this.onReturn);
    window.removeEventListener("resize", this.onResize);
    window.removeEventListener("online", this.onSight);
    window.removeEventListener("focus", this.onSight);
    this.outbox.onChange = this.outbox.onSaved = () => {};
    this.leave(true);
  }

  // ---- keys -------------------------------------------------------------------------------
  key(event) {
    const at = event.composedPath()[0];
    if (this.typing(at) || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (!this.root.isConnected || document.querySelector("[role=dialog][aria-modal=true]")) return;
    const act = this.meaning(event, at);
    if (!act) return this.unknown(event.key);
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!event.repeat || act.repeats) act.run();
  }

  typing(at) {
    return at instanceof Element && (at.isContentEditable || at.matches("input, textarea, select, [role=textbox], [role=combobox]"));
  }

  meaning(event, at) {
    const { key } = event;
    if (this.overlay.open) {
      if (key === "Escape" || key === "?") return { run: () => this.closeShortcuts() };
      return ["Enter", " ", "Tab"].includes(key) ? null : { run: () => {} };
    }
    const guide = document.querySelector(GUIDELINES);
    if (guide?.getAttribute("aria-expanded") === "true") return this.reading(guide, key, at);
    if (key === "?") return { run: () => this.openShortcuts() };
    const button = at instanceof Element && at.matches("button, a, summary, [role=button], [role=tab]");
    if (this.several && key === "Enter" && (!button || at.matches(".label"))) return { run: () => this.save() };
    if (button && (key === "Enter" || key === " ")) return event.repeat ? { run: () => {} } : null;
    const scrolls = SCROLLS[key];
    if (scrolls && !button) return { repeats: true, run: () => this.body.scrollBy({ top: scrolls }) };
    if (event.shiftKey && /^\p{L}$/u.test(key)) return null;
    const letter = /^[\x21-\x7e]$/.test(key) ? key.toLowerCase() : null;
    const place = /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(event.code)?.[1].toLowerCase();
    for (const name of [letter, letter === null || /^[^a-z0-9]$/.test(letter) ? place : null]) {
      const label = name && this.labels.find((one) => one.key === name);
      if (label) return { run: () => this.give(label.name) };
      if (name === "u") return { run: () => this.undo() };
      if (name === "s") return { run: () => this.answer("skip", null) };
      if (name === "f") return { run: () => this.openFlag() };
      if (name === "g" && guide) return { run: () => guide.click() };
    }
    return key === "Backspace" ? { run: () => this.undo() } : null;
  }

  // While the guidelines lie over the card, no key answers what is beneath them.
  reading(guide, key, at) {
    const away = key === "g" && !this.labels.some((label) => label.key === "g");
    if (key === "Escape" || away) return { run: () => guide.click() };
    if (key === "Tab" || (at instanceof Element && at.matches("button, a") && (key === "Enter" || key === " "))) return null;
    const scrolls = SCROLLS[key];
    if (scrolls) return { repeats: true, run: () => document.querySelector("[data-testid=stPopoverBody]")?.scrollBy({ top: scrolls }) };
    const meant = key === "Enter" || key === "Backspace" || /^[\p{L}\p{N}]$/u.test(key);
    return meant ? { run: () => this.notice("Close the guidelines first (Esc): keys answer the card that they cover.", "guidelines") } : null;
  }

  // A letter or number that means nothing here was probably meant for a label.
  unknown(key) {
    if (!this.buffer[0] || !/^[\p{L}\p{N}]$/u.test(key)) return;
    const words = `No label has the key ${key}; ? shows the keys`;
    setText(this.last, words);
    this.say(words);
  }

  // A second click of a double click is not meant for the next card.
  pressed(event, run) {
    if (event.detail > 1 && event.timeStamp - this.since < DOUBLE_CLICK_MS) return; // when it was clicked, not heard
    run();
  }

  // ---- answering --------------------------------------------------------------------------
  // A label was pressed: that is the answer, or of several a part of it.
  give(name) {
    if (this.isTooSoon()) return;
    if (!this.several) return this.answer("answer", name);
    if (!this.buffer[0] || this.painted !== this.buffer[0] || this.recalling) return;
    if (!this.chosen.delete(name)) this.chosen.add(name); // of this card, and kept with it
    this.drawChosen();
    const { display } = this.labels.find((one) => one.name === name);
    this.say(`${display} ${this.chosen.has(name) ? "chosen" : "not chosen"}`);
  }

  save() {
    this.answer("answer", this.labels.map((one) => one.name).filter((name) => this.chosen.has(name)));
  }

  drawChosen() {
    for (const name of this.chosen) if (!this.buttons.has(name)) this.chosen.delete(name);
    for (const [name, button] of this.buttons) button.setAttribute("aria-pressed", String(this.chosen.has(name)));
    if (!this.several) return;
    const n = this.chosen.size;
    setText(this.saveButton.firstChild, n ? `Save ${count(n, "label")}` : "None of these");
  }

  answer(action, label, comment = "") {
    const claim = this.buffer[0];
    if (!claim || this.painted !== claim || this.recalling) return; // nothing on the screen to answer
    const event_id = uuid();
    const told = this.outbox.rejected.find((item) => item.answer.event_id === claim.before?.event_id);
    if (told) this.outbox.forget(told); // who has read why it was not taken back answers what stands
    const answer = {
      event_id, claim_id: claim.claim_id, sample_key: claim.sample_key, action, label,
      supersedes: told ? told.newer ?? null : claim.before?.event_id ?? null, comment,
      elapsed_ms: Math.round(performance.now() - this.since), client_time: new Date().toISOString(),
    };
    const change = changeOf(action, label, null);
    this.unsay("recall");
    this.buffer.shift();
    this.history.push({ claim, answer });
    if (this.history.length > 200) this.history.shift();
    this.outbox.add(answer, { change, title: beginning(claim.card) });
    this.show();
    this.flash(action, label);
    this.keepPace();
    this.send();
  }

  // The eye first, then the network.
  send() {
    this.drawStatus();
    afterPaint(() => {
      this.outbox.pump();
      this.refill();
      this.changed();
    });
  }

  worded({ action, label }) {
    const shown = (name) => this.labels.find((one) => one.name === name)?.display ?? name;
    if (action === "answer") return namesIn(label).map(shown).join(", ") || "none of these";
    return { skip: "skipped", flag: "flagged", retract: "taken back" }[action];
  }

  told(before) {
    const [words, comment] = [this.worded(before), before.comment && `“${before.comment}”`];
    if (before.action === "answer") return `You had said: ${words}${comment && `, ${comment}`}`;
    return `You had ${words} it${comment && `: ${comment}`}`;
  }

  flash(action, label) {
    const hit = action === "answer" ? namesIn(label).map((name) => this.buttons.get(name)) : [action === "skip" ? this.skipButton : this.flagButton];
    for (const button of hit) button.classList.add("hit");
    setTimeout(() => hit.forEach((button) => button.classList.remove("hit")), FLASH_MS);
    const words = this.worded({ action, label });
    setText(this.last, `You said: ${words}`);
    this.say(`${words}. Next: ${this.buffer[0] ? beginning(this.buffer[0].card) : "waiting"}`);
  }

  saved(item, recorded) {
    this.saves += 1;
    if (item.project === this.project) this.counted = plus(this.counted, [item.local?.change]);
    if (recorded.late) this.notice(`Saved, but late: this sample had gone to somebody else meanwhile: ${item.local?.title || item.answer.sample_key}`);
    this.beatSoon();
  }

  keepPace() {
    this.moments.push(performance.now());
    if (this.moments.length > PACE_OVER) this.moments.shift();
  }

  // How many cards to have: more for who is fast, while there are enough for everybody.
  ahead() {
    const recent = this.moments.slice(-6);
    const fast = recent.length > 4 && (recent.at(-1) - recent[0]) / (recent.length - 1) < FAST_MS;
    return fast && this.counted.left > 10 * AHEAD ? AHEAD : BUFFER;
  }

  pace() {
    const steps = this.moments.slice(1).map((at, i) => at - this.moments[i]).filter((step) => step < PAUSE_MS);
    if (steps.length < 4) return null;
    return Math.max(1, Math.round((60000 * steps.length) / steps.reduce((a, b) => a + b, 0)));
  }

  // ---- what is on the screen --------------------------------------------------------------
  show() {
    const claim = this.buffer[0] ?? null;
    this.painted = null;
    this.root.dataset.painted = "";
    this.root.dataset.sample = claim?.sample_key ?? "";
    this.root.dataset.state = claim ? "card" : this.end ? "end" : this.known || this.slow === null ? "waiting" : "start";
    for (const button of [...this.buttons.values(), this.skipButton, this.flagButton, this.saveButton]) button?.setAttribute("aria-disabled", String(!claim));
    this.chosen = claim ? (claim.chosen ??= new Set(namesIn(claim.before?.label))) : new Set();
    this.drawChosen();
    this.said.hidden = !claim?.before;
    this.why.hidden = !claim?.why?.words;
    setText(this.why, claim?.why?.words ?? "");
    if (!this.flag.hidden && claim !== this.flagging) this.closeFlag();
    if (!claim) return this.showNothing();
    if (claim.before) setText(this.said, `${this.told(claim.before)}. Answer again, or skip.`);
    paintCard(this.head, this.body, claim.card);
    this.since = performance.now();
    requestAnimationFrame(() => {
      if (this.buffer[0] !== claim) return;
      this.painted = claim;
      claim.seen = true;
      this.root.dataset.painted = claim.sample_key;
    });
  }

  showNothing() {
    this.head.hidden = true;
    if (this.end) {
      const [title, words, ways] = this.end;
      this.body.replaceChildren(el("div", { class: "end" }, el("h2", {}, title), el("p", {}, words), ways ? this.ways() : null));
    } else if (this.root.dataset.state === "waiting") {
      this.body.replaceChildren(el("div", { class: "skeleton", role: "status", "aria-label": "Fetching the next sample" }, el("i"), el("i"), el("i"), el("i")));
    }
    this.drawRail();
  }

  drawRail() {
    const waiting = this.outbox.items.filter((item) => item.project === this.project);
    this.rail.node.classList.toggle("unknown", !this.known);
    this.rail.draw(plus(this.counted, waiting.map((item) => item.local?.change)), this.pace(), this.offline());
  }

  // Draw what changed beside the card, once per frame, after the card.
  changed() {
    this.drawStatus();
    if (this.drawing) return;
    this.drawing = true;
    afterPaint(() => {
      this.drawing = false;
      if (this.dead) return;
      this.drawKept();
      this.drawRail();
      this.hear();
    });
  }

  drawStatus() {
    const [kind, words] = statusOf(this.outbox, this.link, this.buffer.length);
    if (this.status.dataset.kind !== kind) this.status.dataset.kind = kind;
    setText(this.status, words);
    this.signIn.hidden = ![this.link, this.outbox.state].some((word) => word === "signed_out" || word === "wrong_person");
  }

  // Tell those who hear when it turns bad or good again, not at every answer.
  hear() {
    const { kind } = this.status.dataset;
    if (kind === "busy" || kind === this.lastHeard) return;
    this.lastHeard = kind;
    this.say(this.status.textContent);
  }

  // Answers that were refused stay until a person has read why; so does a browser that keeps none.
  drawKept() {
    const kept = JSON.stringify([this.outbox.rejected.map((item) => item.answer.event_id), this.outbox.stored, this.outbox.waiting]);
    if (kept === this.keptBefore) return;
    this.keptBefore = kept;
    this.notices.querySelectorAll(".kept").forEach((node) => node.remove());
    if (!this.outbox.stored) this.notices.append(el("p", { class: "notice kept bad" }, "This browser cannot keep answers on disk (its storage is full or switched off). Leave this tab open until all is saved."));
    for (const [person, n] of Object.entries(this.outbox.waiting)) {
      this.notices.append(el("p", { class: "notice kept" }, `${count(n, "answer")} of ${person} ${n === 1 ? "waits" : "wait"} in this browser until ${person} signs in here again.`));
    }
    for (const item of this.outbox.rejected.toReversed()) {
      const words = `Not accepted: ${this.worded(item.answer)} for “${item.local?.title || item.answer.sample_key}”. ${item.reason}`;
      const [again, leave] = item.newer === undefined ? ["Try again", "Discard"] : [item.answer.action === "retract" ? "Take it back" : `Change it to ${this.worded(item.answer)}`, "Keep the newer answer"];
      this.notices.append(el("div", { class: "notice kept bad", role: "alert" }, el("span", {}, words),
        el("button", { type: "button", class: "action", onclick: () => this.outbox.retry(item) }, again),
        el("button", { type: "button", class: "action", onclick: () => this.outbox.forget(item) }, leave)));
    }
  }

  notice(words, about = words) {
    this.unsay(about);
    const node = el("p", { class: "notice", "data-about": about }, words);
    this.notices.append(node);
    setTimeout(() => node.remove(), NOTICE_MS);
  }

  unsay(about) {
    this.notices.querySelectorAll("[data-about]").forEach((old) => old.dataset.about === about && old.remove());
  }

  say(words) {
    setText(this.spoken, words);
  }

  // ---- dialogs ----------------------------------------------------------------------------
  openFlag() {
    if (!this.painted || this.painted !== this.buffer[0] || this.recalling) return;
    this.before = this.root.getRootNode().activeElement;
    this.flag.hidden = false;
    this.flagging = this.painted;
    this.comment.value = this.flagging.draft ?? "";
    this.comment.focus();
  }

  // What was written stays with its card until it is sent.
  closeFlag() {
    if (!this.flag.hidden) this.flagging.draft = this.comment.value;
    this.flag.hidden = true;
    if (this.before?.isConnected) this.before.focus({ preventScroll: true });
    else this.comment.blur();
  }

  openShortcuts() {
    this.guideRow.hidden = !document.querySelector(GUIDELINES) || this.labels.some((label) => label.key === "g");
    this.overlay.showModal();
    this.overlay.scrollTop = 0; // the focus has moved to the button at its end
  }

  closeShortcuts() {
    this.overlay.close();
  }
}

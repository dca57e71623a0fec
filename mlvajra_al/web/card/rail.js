// What stands beside the card: is it saved, what has been counted, what is the loop doing.

function count(n, word) {
  return `${n.toLocaleString("en")} ${n === 1 ? word : `${word}s`}`;
}

// What the server says of an error, as a sentence.
function sentence(words) {
  return words && `${words[0].toUpperCase()}${words.slice(1).replace(/\.$/, "")}.`;
}

// The truth about every answer given here, in one line: [kind, text]. `cards` can still be answered.
function statusOf(outbox, link, cards) {
  const waiting = outbox.items.length;
  const kept = outbox.stored ? "kept in this browser" : "kept in this tab only: leave it open";
  if (outbox.state === "wrong_person") return ["bad", sentence(outbox.reason) || `Somebody else is signed in. Your ${count(waiting, "answer")} are ${kept}.`];
  if (link === "wrong_person") return ["bad", `Somebody else is signed in here now. Sign in again as ${outbox.person}.`];
  if (outbox.state === "signed_out" || link === "signed_out") {
    const words = waiting ? `; your ${count(waiting, "answer")} ${waiting === 1 ? "is" : "are"} ${kept}` : "";
    return ["bad", `Signed out${words}.`];
  }
  if (outbox.state === "offline" || (link === "offline" && !waiting)) {
    const words = waiting ? `Offline (${waiting} waiting, ${kept})` : "Offline: trying again";
    return ["warn", `${words}. ${cards ? count(cards, "card") : "No card"} left here.`];
  }
  if (outbox.state === "trouble") return ["warn", `The server has trouble${outbox.reason ? `: ${outbox.reason}` : ""} (${waiting} waiting, ${kept})`];
  if (waiting) return ["busy", `Saving (${waiting})`];
  if (outbox.rejected.length) return ["bad", `${count(outbox.rejected.length, "answer")} not accepted: see the notice`];
  if (!outbox.looked) return ["busy", "Looking for answers kept in this browser"];
  return ["good", "All saved"];
}

const LEAST_COUNTS = 150; // px: some are seen in any window

function setShare(bar, share) {
  const value = share.toFixed(3);
  if (bar.style.getPropertyValue("--w") !== value) bar.style.setProperty("--w", value);
}

class Rail {
  // An annotator's word for the champion is that of the home page.
  constructor(labels, admin) {
    this.list = el("ul", { class: "counts" });
    this.name(labels);
    this.fill = el("i");
    this.loop = el("p", { class: "loop" });
    this.meter = el("div", { class: "meter", role: "progressbar", "aria-label": "Answers until the next retrain", "aria-valuemin": "0" }, this.fill);
    this.version = el("b", {}, "none yet");
    this.champion = el("b", {}, "none yet");
    this.mine = el("b", {}, "–");
    this.left = el("b", {}, "–");
    this.speed = el("b", {}, "–");
    this.node = el("aside", { class: "rail", "aria-label": "Progress" },
      el("section", {}, el("h3", {}, "Answers"), this.list),
      el("section", {}, el("h3", {}, "Next model"), this.meter, this.loop),
      el("section", { class: "facts" },
        el("div", {}, el("span", {}, "Newest version"), this.version),
        el("div", {}, el("span", {}, admin ? "Champion" : "Model in use"), this.champion),
        el("div", {}, el("span", {}, "Your answers"), this.mine),
        el("div", {}, el("span", {}, "Left in the pool"), this.left),
        el("div", {}, el("span", {}, "Your pace"), this.speed)));
  }

  name(labels) {
    this.bars = new Map();
    this.list.replaceChildren();
    for (const label of labels) {
      const number = el("b", {}, "0");
      const bar = el("i", { "--c": label.color });
      const tip = [label.display, label.definition].filter(Boolean).join(": ");
      this.list.append(el("li", {}, el("span", { class: "name", title: tip, dir: "auto" }, label.display), number, el("span", { class: "bar" }, bar)));
      this.bars.set(label.name, { number, bar });
    }
  }

  // As many counts as the window has room for; names in one line before any is out of sight.
  fit() {
    const { list, node } = this;
    list.style.maxHeight = "none";
    list.classList.remove("tight");
    const { top, left, height } = node.getBoundingClientRect();
    const above = top + (document.querySelector("[data-testid=stMain]")?.scrollTop ?? 0);
    const room = Math.max(LEAST_COUNTS, window.innerHeight - above - (height - list.offsetHeight) - MARGIN);
    if (left <= node.parentNode.getBoundingClientRect().left) return; // below the card, not beside it
    list.classList.toggle("tight", list.offsetHeight > room);
    list.style.maxHeight = `${room}px`;
  }

  draw(state, pace, offline) {
    const most = Math.max(1, ...Object.values(state.counts));
    for (const [name, { number, bar }] of this.bars) {
      const n = state.counts[name] ?? 0;
      setText(number, n.toLocaleString("en"));
      setShare(bar, n / most);
    }
    const works = ["training", "queued", "preparing"].includes(state.loop_state);
    const busy = works && !offline;
    const every = Math.max(1, state.retrain_every);
    const done = Math.max(0, every - state.until_retrain);
    this.meter.classList.toggle("busy", busy);
    setShare(this.fill, works ? Number(busy) : done / every);
    this.meter.setAttribute("aria-valuemax", every);
    this.meter.setAttribute("aria-valuenow", done);
    this.loop.dataset.state = state.loop_state;
    setText(this.loop, works && offline ? "Not known while offline" : this.words(state, offline));
    setText(this.version, state.version === null ? "none yet" : `version ${state.version}`);
    setText(this.champion, state.champion === null ? "none yet" : `version ${state.champion}`);
    setText(this.mine, state.mine.toLocaleString("en"));
    setText(this.left, state.left.toLocaleString("en"));
    setText(this.speed, pace ? `${pace} a minute` : "–");
  }

  words(state, offline) {
    if (state.loop_state !== "waiting") return state.loop_message;
    const until = Math.max(0, state.until_retrain);
    if (!until) return offline ? "A retrain starts when the answers are saved." : "A retrain is about to start.";
    return `${count(until, "answer")} until the next retrain`;
  }
}

// Add what an answer that is on its way changes to what the server last counted.
function plus(state, changes) {
  const sum = { ...state, counts: { ...state.counts } };
  for (const change of changes) {
    if (!change) continue;
    for (const [name, n] of Object.entries(change.counts)) sum.counts[name] = Math.max(0, (sum.counts[name] ?? 0) + n);
    sum.mine = Math.max(0, sum.mine + change.mine);
    sum.left = Math.max(0, sum.left + change.left);
    sum.until_retrain += change.until;
  }
  return sum;
}

// The labels of an answer: one, or where several are asked for all of them.
function namesIn(label) {
  return [label ?? []].flat();
}

function changeOf(action, label, before) {
  const counts = Object.create(null); // a label may be called "constructor"
  for (const name of namesIn(before?.label)) counts[name] = -1;
  for (const name of namesIn(label)) counts[name] = (counts[name] ?? 0) + 1;
  const closes = (what) => Number(what === "answer" || what === "flag");
  return { counts, mine: Number(action === "answer") - Number(before?.action === "answer"), left: closes(before?.action) - closes(action), until: action === "answer" ? -1 : 0 };
}

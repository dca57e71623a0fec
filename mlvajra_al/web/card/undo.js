// What was said last, taken back: the cards of this visit first, then those the server knows.
const RECALL_MS = 3000;

Object.assign(LabellingCard.prototype, {
  undo() {
    if (this.recalling) return;
    if (!this.history.length) return this.recall();
    this.unsay("recall");
    const { claim, answer } = this.history.pop();
    const refused = this.outbox.rejected.find((item) => item.answer.event_id === answer.event_id);
    const before = { action: answer.action, label: answer.label, comment: answer.comment, event_id: null };
    if (refused) {
      this.outbox.forget(refused);
    } else {
      before.event_id = uuid();
      const retract = { event_id: before.event_id, claim_id: null, sample_key: claim.sample_key, action: "retract", label: null, supersedes: answer.event_id, comment: "", elapsed_ms: null, client_time: new Date().toISOString() };
      this.outbox.add(retract, { change: changeOf("retract", null, answer), title: beginning(claim.card) });
    }
    this.moments.pop();
    const chosen = answer.action === "answer" ? new Set(namesIn(answer.label)) : claim.chosen;
    this.buffer.unshift({ ...claim, claim_id: refused ? claim.claim_id : null, before, chosen, draft: answer.comment || claim.draft });
    this.show();
    this.say(`Undone: ${this.worded(answer)}`);
    setText(this.last, "Taken back. Answer again, or skip.");
    this.send();
  },

  // What was said before this page was opened: the server knows it, once it has all that was said.
  // Keys wait, because the next one is meant for the card that comes back.
  async recall() {
    this.recalling = true;
    setText(this.last, "Looking for your last answer");
    const words = await this.remember();
    this.recalling = false;
    if (this.dead) return;
    setText(this.last, "");
    if (words) this.notice(words, "recall");
    else this.undo();
  },

  async remember() {
    for (let waited = 0; this.outbox.items.length && waited < RECALL_MS; waited += 100) await pause(100);
    if (this.outbox.items.length) return "Earlier answers can be taken back once the waiting ones are saved.";
    const path = `annotations/newest?person=${encodeURIComponent(this.person)}`;
    const { status, data } = await call("GET", projectUrl(this.project, path), null, { patience: RECALL_MS });
    if (status !== 200) return "Earlier answers are with the server, which cannot be asked now. Try again.";
    if (!data.length) return "Nothing to take back here; earlier answers are under My answers.";
    this.history = data.toReversed().map(({ card, ...answer }) => ({ claim: { claim_id: null, sample_key: answer.sample_key, card, why: null }, answer }));
    return "";
  },
});

// Labels that an admin changes while a card is open: its buttons, keys and counts follow. What was
// chosen, typed or answered stays; an answer with a label that is gone is refused by the server.
const LOOK_MS = 700; // no key that was meant for the labels before answers with the new ones

function sameLabels(one, other, parts = ["name", "display", "key", "color", "definition"]) {
  return one.length === other.length && one.every((label, at) => parts.every((part) => label[part] === other[at][part]));
}

Object.assign(LabellingCard.prototype, {
  relabel(labels) {
    if (sameLabels(labels, this.labels)) return;
    if (!sameLabels(labels, this.labels, ["name", "display", "key"])) {
      this.relabelled = performance.now();
      this.notice("The labels have changed: look at them before you answer.", "labels");
    }
    this.labels = labels;
    const focused = this.root.getRootNode().activeElement?.dataset.label;
    this.drawLabels();
    this.buttons.get(focused)?.focus({ preventScroll: true });
    this.redrawShortcuts();
    this.rail.name(labels);
    this.drawRail();
    this.fit();
  },

  drawLabels() {
    this.buttons = new Map(this.labels.map((label) => [label.name, this.labelButton(label)]));
    for (const button of this.buttons.values()) button.setAttribute("aria-disabled", String(!this.buffer[0]));
    this.bar.dataset.many = String(this.labels.length > 10);
    this.bar.replaceChildren(...this.buttons.values());
    this.arranged = null;
    this.drawChosen();
  },

  redrawShortcuts() {
    const before = this.overlay;
    this.overlay = this.shortcuts();
    before.replaceWith(this.overlay);
    if (before.open) this.openShortcuts();
  },

  // Whether labels have just changed under the hand that gives one.
  isTooSoon() {
    return performance.now() - this.relabelled < LOOK_MS;
  },
});

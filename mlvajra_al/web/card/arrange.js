// Room for everything on one screen: names of labels first, then the sample.
const NARROWEST = 84; // px of a label's button
const MARGIN = 22; // px below the buttons
const LEAST = 160; // of the sample's height: what is longer scrolls
const FEW = 0.25; // of the names at most may have a row of their own
const WORTH = 1.2; // so much lower it has to make them all

Object.assign(LabellingCard.prototype, {
  // As many columns as make the buttons lowest with every name whole: names are read, so they come
  // first, and the sample gets the room that is left. Where nothing fits, most are whole.
  arrange() {
    const width = this.bar.clientWidth;
    if (!width || width === this.arranged) return;
    this.arranged = width;
    const most = Math.min(this.labels.length, Math.max(1, Math.floor(width / NARROWEST)));
    let best = null;
    this.bar.dataset.trying = ""; // a word that is too long for its column is not broken yet
    for (let columns = most; columns; columns -= 1) {
      this.bar.style.setProperty("--columns", columns);
      const cut = this.widen();
      const height = this.bar.offsetHeight * (this.bar.querySelector(".wide") && columns > 1 ? WORTH : 1);
      if (!best || cut < best.cut || (cut === best.cut && height <= best.height)) best = { columns, cut, height };
      else if (!best.cut && height > 2 * best.height) break;
    }
    this.bar.style.setProperty("--columns", best.columns);
    this.widen();
    delete this.bar.dataset.trying;
  },

  // A few names that are too long for a column get a row each: the others need not have one too.
  // Return how many are not whole.
  widen() {
    const buttons = [...this.buttons.values()];
    for (const button of buttons) button.classList.remove("wide");
    const cut = buttons.filter((button) => isCut(button.lastChild));
    if (cut.length > FEW * buttons.length) return cut.length;
    for (const button of cut) button.classList.add("wide");
    return cut.filter((button) => isCut(button.lastChild)).length;
  },

  // The whole card on one screen, whatever stands above and below it. What is said between the
  // sample and the buttons takes its room from the sample: the buttons stay where they are.
  fit() {
    this.arrange();
    this.rail.fit();
    const above = this.sheet.getBoundingClientRect().top + (document.querySelector("[data-testid=stMain]")?.scrollTop ?? 0);
    const gap = parseFloat(getComputedStyle(this.sheet.parentNode).rowGap) || 0;
    const heights = [this.notices, this.bar, this.actions].map((part) => part.getBoundingClientRect().height);
    const room = window.innerHeight - above - heights.reduce((sum, height) => sum + (height && height + gap), MARGIN);
    this.sheet.style.height = `${Math.min(760, Math.max(LEAST, room))}px`;
  },
});

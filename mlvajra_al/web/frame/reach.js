// When the server goes away or a page does not exist: one calm line, not a dialog over the page.

const APP = "[data-testid=stApp]";
const DIALOG = "[data-testid=stDialog]";
const FAILED = "[data-testid=stAlertContentError]";
const UNLOADED = "dynamically imported module"; // so says a part that was asked for meanwhile
const GRACE_MS = 1500; // a connection that is back by then was not missed
const AGAIN_MS = 1000;
const DRAWN_MS = 50;
const CARD = "[class*=st-key-card-]";
const EMPTIED = "mlvajra:emptied"; // an outbox of the card's
const TYPED = "textarea, input:not([type=checkbox], [type=radio], [type=range])";

const line = Object.assign(document.createElement("p"), { className: "mlv-line" });
line.setAttribute("role", "status");

let away = null; // the timer since when the server is gone
let wasAway = false;
let mending = null;
let drawAgain = () => {};

function tell(words) {
  if (line.textContent !== words) line.textContent = words;
}

function reaches() {
  return document.querySelector(APP)?.dataset.testConnectionState === "CONNECTED";
}

// Streamlit's own dialogs stand over the page, which takes no click until they are closed.
function dismiss() {
  for (const dialog of document.querySelectorAll(DIALOG)) {
    const title = dialog.querySelector("[slot=title]")?.textContent;
    if (title !== "Connection error" && title !== "Page not found") continue;
    if (title === "Page not found") tell("There is no page of that name. This is Home.");
    dialog.dataset.gone = "";
    dialog.querySelector("[aria-label=Close]")?.click();
  }
}

function follow() {
  if (reaches()) {
    if (away !== null) returned();
  } else if (away === null) {
    wasAway = true;
    away = setTimeout(unreached, GRACE_MS);
  }
}

function unreached() {
  line.dataset.about = "server";
  tell("The server cannot be reached. This page keeps trying.");
}

function returned() {
  clearTimeout(away);
  away = null;
  if (line.dataset.about === "server") tell("");
  delete line.dataset.about;
  mend();
}

function isTyping() {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return Boolean(at?.matches(TYPED) && at.value);
}

function waits() {
  const outboxes = [...(window.mlvajraOutboxes?.values() ?? [])];
  return isTyping() || outboxes.some((outbox) => outbox.items.length || outbox.loses());
}

// A part that could not be loaded is not tried again: the page is, once, and when nothing waits.
function mend() {
  if (!wasAway || away !== null) return;
  const broken = [...document.querySelectorAll(FAILED)].some((part) => part.textContent.includes(UNLOADED));
  if (!broken) return;
  clearTimeout(mending);
  if (waits()) return void (mending = setTimeout(mend, AGAIN_MS));
  wasAway = false;
  location.reload();
}

// A page that was opened while answers were on their way lacks them. The card needs no page for that.
function emptied() {
  if (document.querySelector(APP)?.dataset.testScriptState !== "notRunning") setTimeout(emptied, DRAWN_MS);
  else if (!document.querySelector(CARD)) drawAgain();
}

function watch() {
  document.querySelector(APP)?.append(line);
  new MutationObserver(dismiss).observe(document.body, { childList: true });
  new MutationObserver(follow).observe(document.querySelector(APP), { attributeFilter: ["data-test-connection-state"] });
  document.addEventListener("click", (event) => event.isTrusted && line.dataset.about !== "server" && tell(""), true);
  window.addEventListener(EMPTIED, emptied);
  dismiss();
}

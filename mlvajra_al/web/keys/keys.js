// Keys of a page that decides: each presses what stands there; one decision at a time.

const TYPES = "input:not([type=checkbox]), textarea, select, [role=textbox], [role=combobox]";
const BUTTON = "button, a, summary, [role=button], [role=tab]";
const OPEN = "[role=dialog], [data-testid=stPopoverBody]";
const NAMES = { ArrowLeft: "left", ArrowRight: "right", Enter: "enter" };
const SOON_MS = 500;
const LONGEST_MS = 15000; // a page that never came must not keep its keys for ever

let page = null; // what the script has drawn last
let busy = null; // what the page was about when something was decided
let timer = 0;
let listening = false;

function say(words) {
  if (page && page.line.textContent !== words) page.line.textContent = words;
}

function begin() {
  busy = page.about;
  document.body.dataset.deciding = "";
  timer = setTimeout(end, LONGEST_MS);
  say("One moment…");
}

function end() {
  busy = null;
  clearTimeout(timer);
  delete document.body.dataset.deciding;
  say("");
}

function namesOf(event) {
  if (NAMES[event.key]) return [NAMES[event.key]];
  if (event.shiftKey && /^\p{L}$/u.test(event.key)) return [];
  const letter = /^[\x21-\x7e]$/.test(event.key) ? event.key.toLowerCase() : null;
  const place = /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(event.code)?.[1].toLowerCase();
  return [letter, letter === null || /^[^a-z0-9]$/.test(letter) ? place : null].filter(Boolean);
}

function pressed(event) {
  if (!page || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const at = event.target instanceof Element ? event.target : document.body;
  if (at.isContentEditable || at.matches(TYPES)) return leave(event, at);
  if (document.querySelector(OPEN)) return;
  const name = namesOf(event).find((one) => page.keys[one]);
  if (!name || (name === "enter" && at.matches(BUTTON))) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (event.repeat) return; // held: the next sample, which comes up meanwhile, is not meant
  const found = document.querySelector(page.keys[name]);
  if (!found) return say(`Nothing has the key ${name} just now.`);
  if (found.matches("input, textarea")) return found.focus();
  if (busy !== null) return dropped(event.key);
  const box = found.querySelector("input") ?? found; // a click on what names a box is not one on the box
  if (!box.disabled) box.click();
}

// Out of a box to write in, back to the keys; Streamlit takes what was written when it is left.
function leave(event, at) {
  const own = Object.values(page.keys).some((selector) => at.matches(selector));
  if (own && (event.key === "Enter" || event.key === "Escape")) setTimeout(() => at.blur());
}

function clicked(event) {
  if (!page?.decides || !event.target.closest?.(page.decides)) return;
  if (busy === null) return begin();
  event.preventDefault();
  event.stopImmediatePropagation();
  if (event.detail < 2) dropped(""); // the second click of a double click means nothing
}

function dropped(key) {
  const what = key ? `“${key}”` : "That";
  say(`${what} was not taken: the next sample was not there yet.`);
}

// Tell those who hear the page which keys there are.
function tell() {
  for (const [name, selector] of Object.entries(page?.keys ?? {})) {
    const found = document.querySelector(selector);
    found?.setAttribute("aria-keyshortcuts", name);
    const box = found?.querySelector("input[type=checkbox]");
    box?.setAttribute("aria-keyshortcuts", name);
    box?.setAttribute("aria-label", found.textContent); // Streamlit has it read with the marks of its markdown
  }
}

// Streamlit calls this whenever the script has run.
export default function ({ parentElement, data }) {
  const line = parentElement.querySelector(".mlv-keys");
  const before = page?.about;
  const told = page && page.line !== line ? page.line.textContent : line.textContent;
  page = { ...data, line };
  if (told) say(told);
  if (busy !== null && busy !== data.about) {
    const unheard = line.textContent.includes("not taken");
    end();
    if (unheard) say(told);
  } else if (before !== data.about && busy === null) {
    say("");
  }
  line.dataset.about = data.about; // keys are heard from now on
  tell();
  setTimeout(tell, SOON_MS); // what is drawn late
  if (!listening) {
    listening = true;
    window.addEventListener("keydown", pressed, true);
    window.addEventListener("click", clicked, true);
  }
  return () => {
    if (page?.line !== line) return;
    end();
    page = null;
  };
}

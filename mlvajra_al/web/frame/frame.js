// What Streamlit leaves to the pages: a menu that makes way, and keys that are held down.

// On a small screen the menu lies over the page: it closes when a page is chosen, and starts closed.
const SMALL = window.matchMedia("(max-width: 767.98px)");
const LINKS = "[data-testid=stSidebar] a[href]";
const REMEMBERED = "stSidebarCollapsed-";

const MAIN = "[data-testid=stMain]";

let listening = false;
let byKeys = false;

function close() {
  document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click();
  forget();
}

// Else Streamlit opens it again at the next visit.
function forget() {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(REMEMBERED)) localStorage.removeItem(key);
  }
}

function clicked(event) {
  const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0;
  if (SMALL.matches && !elsewhere && event.target.closest?.(LINKS)) setTimeout(close);
}

// A key that is held answers once: the next sample, which comes up meanwhile, is not meant.
function held(event) {
  if (!event.repeat || !/^[a-z0-9]$/i.test(event.key) || event.ctrlKey || event.metaKey) return;
  const typing = (at) => at instanceof Element && (at.isContentEditable || at.matches("input, textarea, select"));
  if (!event.composedPath().some(typing)) event.stopImmediatePropagation();
}

// The page itself is a stop of the Tab key, to be scrolled. Who has clicked beside everything and
// then presses keys has it in focus too, and needs no frame round all of it.
function reached(event) {
  if (event.type !== "focusin") byKeys = event.key === "Tab";
  else if (event.target.matches?.(MAIN)) event.target.dataset.reached = byKeys ? "keys" : "pointer";
}

// Streamlit calls this whenever the script has run.
export default function ({ setTriggerValue }) {
  drawAgain = () => setTriggerValue("emptied", true);
  document.querySelector(MAIN)?.setAttribute("aria-label", "The page");
  mend();
  if (listening) return;
  listening = true;
  watch();
  if (SMALL.matches) close();
  document.addEventListener("click", clicked);
  window.addEventListener("keydown", held, true);
  for (const kind of ["keydown", "pointerdown", "focusin"]) window.addEventListener(kind, reached, true);
  window.addEventListener("pagehide", () => SMALL.matches && forget());
}

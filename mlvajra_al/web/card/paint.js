// A sample's card as DOM. Samples are data: text nodes only, never markup.
const LONGEST_FIGURE = 16; // numbers and dates up to this are not broken
const LONG_VALUE = 12;
const FINE = 352; // px across: of an image of more, several share a point of the screen

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Is there more in it than it shows?
function isCut(node) {
  return node.scrollHeight > node.clientHeight + 1 || node.scrollWidth > node.clientWidth + 1;
}

function paintText(block, alone) {
  const parts = [el("p", { class: "text", dir: "auto" }, block.text || "(empty)")];
  if (!alone) parts.unshift(el("h3", { class: "block-name" }, block.name));
  if (block.cut) parts.push(el("p", { class: "cut" }, `… ${block.cut.toLocaleString("en")} more characters are not shown here`));
  return el("section", { class: block.text ? "block" : "block nothing" }, ...parts);
}

// Names of columns break where their words do.
function nameOf(row) {
  const words = row.name.split(/(?<=_)/).flatMap((word, at) => (at ? [el("wbr"), word] : [word]));
  return el("dt", { title: row.name }, ...words);
}

function barOf(row, known) {
  if (!known) return el("span", { class: "range none" });
  const title = `${row.low} to ${row.high} in the pool`;
  return el("span", { class: "range", title, "aria-hidden": "true" }, el("i", { "--at": `${row.place * 100}%` }));
}

function paintRow(row) {
  const known = row.place !== null && row.place !== undefined;
  const words = known ? `${row.short}; the pool ranges from ${row.low} to ${row.high}` : row.short;
  const figure = row.short.length <= LONGEST_FIGURE && /^[-+]?\d[\d.:e+-]*$/.test(row.short);
  const long = !known && row.short.length > LONG_VALUE; // takes the room of the bar too
  const title = row.short === row.value ? null : row.value;
  const value = el("span", { class: figure ? "value figure" : long ? "value long" : "value", dir: "auto", title }, row.short);
  return el("div", { class: "row" }, nameOf(row), el("dd", { "aria-label": words }, value, long ? null : barOf(row, known)));
}

function paintTable(block) {
  const size = block.rows.length > 8 ? "table many" : "table";
  return el("section", { class: "block" }, el("dl", { class: size }, ...block.rows.map(paintRow)));
}

function paintImage(block, alone) {
  const rows = block.pixels;
  const height = rows.length;
  const width = height ? Math.max(...rows.map((line) => line.length)) : 0;
  if (!width) return el("section", { class: "block nothing" }, el("p", { class: "text" }, `(${block.name}: no image)`));
  const canvas = el("canvas", { width, height, role: "img", "aria-label": `${block.name}, ${width} by ${height} pixels`, "--ratio": `${width} / ${height}`, "--across": `${width}px`, class: width > FINE ? "fine" : null });
  const pixels = new ImageData(width, height);
  rows.forEach((line, y) => line.forEach((value, x) => {
    const shade = Math.round(value * 255);
    pixels.data.set([shade, shade, shade, 255], 4 * (y * width + x));
  }));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  const name = alone ? null : el("h3", { class: "block-name" }, block.name);
  return el("section", { class: "block image" }, name, canvas);
}

function paintBlock(block, alone) {
  if (block.kind === "image") return paintImage(block, alone);
  return block.kind === "table" ? paintTable(block) : paintText(block, alone);
}

function paintCard(head, body, card) {
  if (body.scrollTop) body.scrollTop = 0; // while the old card is laid out: later it costs a layout
  head.replaceChildren(card.title === null ? "" : el("h2", { class: "title", dir: "auto" }, card.title || "(no title)"));
  head.hidden = card.title === null;
  const alone = card.blocks.length === 1;
  body.replaceChildren(...card.blocks.map((block) => paintBlock(block, alone)));
}

// When the browser has painted the next frame; soon in any case, because hidden tabs paint none.
function afterPaint(run) {
  let done = false;
  const once = () => {
    if (done) return;
    done = true;
    run();
  };
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = once;
  requestAnimationFrame(() => port2.postMessage(0));
  setTimeout(once, 100);
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// The first words of a card, for notices and for those who hear instead of see.
function beginning(card, limit = 60) {
  const first = card.blocks.find((block) => block.kind === "text");
  const image = card.blocks.some((block) => block.kind === "image") ? "an image" : "a sample";
  const words = (card.title || first?.text || image).slice(0, 4 * limit).replace(/\s+/g, " ").trim();
  return words.length > limit ? `${words.slice(0, limit - 1)}…` : words;
}

// Black or white, whichever is easier to read on a colour.
function inkOn(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = parseInt(color.slice(at, at + 2), 16) / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 ? "#fff" : "#111";
}

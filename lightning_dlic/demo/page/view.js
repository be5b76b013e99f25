// The pictures: two under a slider, or all beside each other.

import { NAMES, at, bytes, make } from "./words.js";

const sides = { left: "original", right: "ours" };
let shown = {};

export function setup() {
  at("divide").addEventListener("input", divide);
  for (const side of ["left", "right"]) {
    at(side).addEventListener("change", () => { sides[side] = at(side).value; draw(); });
  }
  at("zoom").addEventListener("change", () => at("stage").style.setProperty("--zoom", at("zoom").value));
  at("stage").addEventListener("pointermove", wander);
  for (const radio of document.querySelectorAll("[name=view]")) radio.addEventListener("change", swap);
}

function divide() {
  at("stage").style.setProperty("--at", `${at("divide").value}%`);
}

// What is zoomed in on follows the pointer, unless that holds the divider.
function wander(event) {
  if (event.buttons && event.pointerType === "mouse") return;
  const { left, top, width, height } = at("stage").getBoundingClientRect();
  at("stage").style.setProperty("--x", `${(100 * (event.clientX - left)) / width}%`);
  at("stage").style.setProperty("--y", `${(100 * (event.clientY - top)) / height}%`);
}

function swap() {
  const beside = document.querySelector("[name=view]:checked").value === "beside";
  at("stage").hidden = document.querySelector(".sides").hidden = beside;
  at("beside").hidden = !beside;
}

// Begins with another picture.
export function reset() {
  shown = {};
  Object.assign(sides, { left: "original", right: "ours" });
  for (const image of [at("under"), at("over")]) image.removeAttribute("src");
  at("divide").value = 50;
  at("zoom").value = 1;
  at("stage").style.setProperty("--zoom", 1);
  divide();
}

// pictures: by name {url, words, missing}, in the order in which they stand.
export function show(pictures, size) {
  shown = pictures;
  const ratio = `${size.width} / ${size.height}`;
  for (const place of [at("stage"), at("beside")]) {
    place.style.setProperty("--ratio", ratio);
    place.style.setProperty("--wide", size.width / size.height);
  }
  const small = size.shown_width < size.width;
  at("scaled").textContent = small
    ? `Shown at ${size.shown_width} × ${size.shown_height} of ${size.width} × ${size.height} pixels; figures and the PNG are of the whole picture.`
    : "";
  draw();
  row();
}

function draw() {
  const names = Object.keys(shown).filter((name) => shown[name].url);
  if (!names.length) return;
  document.querySelector(".sides").classList.toggle("lone", names.length < 2);
  for (const [side, image, other] of [["left", "under", names[0]], ["right", "over", names[names.length - 1]]]) {
    const wanted = names.includes(sides[side]) ? sides[side] : other;
    const select = at(side);
    if (names.join() !== [...select.options].map((option) => option.value).join()) {
      select.replaceChildren(...names.map((name) => new Option(NAMES[name], name)));
    }
    select.value = wanted;
    const picture = shown[wanted];
    if (at(image).getAttribute("src") !== picture.url) at(image).src = picture.url;
    at(image).alt = `${NAMES[wanted]}, ${bytes(picture.bytes)}`;
    at(`tag-${side}`).textContent = `${NAMES[wanted]} · ${bytes(picture.bytes)}`;
  }
  const one = names.length < 2;
  at("stage").style.setProperty("--at", one ? "0%" : `${at("divide").value}%`);
  document.querySelector(".divider").hidden = at("divide").hidden = one;
  if (one) at("tag-right").textContent = "";
}

function row() {
  at("beside").replaceChildren(...Object.entries(shown).map(([name, picture]) => figure(picture, NAMES[name])));
}

export function figure(picture, title, ...more) {
  const image = picture.url
    ? make("img", { src: picture.url, alt: title, width: picture.width, height: picture.height, class: picture.smooth === false ? "squares" : undefined })
    : make("div", { class: "void" }, picture.missing || "Not made yet");
  return make("figure", {}, image, ...more, make("figcaption", {}, make("strong", {}, title), picture.words || ""));
}

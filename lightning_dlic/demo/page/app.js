// The page: a picture comes in, is coded in so many bytes, and is looked at.

import * as server from "./server.js";
import * as tables from "./tables.js";
import * as view from "./view.js";
import { NAMES, at, bytes, count, make, seconds, times } from "./words.js";

const ORDER = ["original", "ours", "jpeg", "webp", "avif"];
let facts;
let steps = [];
// The picture on the desk: its name at the server, the file's own name here, what is known of it, the job at work.
let picture = null;
// When the step at work began.
let begun = 0;

async function begin() {
  facts = await server.about();
  at("limits").textContent = `Up to ${facts.upload >> 20} MB and ${Math.round(facts.pixels / 1e6)} megapixels; it stays on this machine.`;
  view.setup();
  sliders();
  pipelines();
  samples();
  doors();
}

// Bytes in steps of a few per cent, so that an arrow key means as much at 200 as at 6,000.
function sliders() {
  const found = new Set();
  for (let value = facts.least; value < facts.most; value *= 1.05) {
    const round = value < 300 ? 10 : value < 1000 ? 20 : value < 3000 ? 50 : 100;
    found.add(Math.round(value / round) * round);
  }
  steps = [...found.add(2000).add(facts.most)].sort((a, b) => a - b);
  const slider = at("bytes");
  slider.max = steps.length - 1;
  at("least").textContent = count(facts.least);
  at("most").textContent = count(facts.most);
  Object.assign(at("exact"), { min: facts.least, max: facts.most, step: 1 });
  choose(2000);
  slider.addEventListener("input", () => choose(steps[slider.value]));
  slider.addEventListener("change", soon);
  at("exact").addEventListener("change", () => {
    const wanted = Math.round(Number(at("exact").value)) || 2000;
    choose(Math.min(facts.most, Math.max(facts.least, wanted)));
    soon();
  });
  at("choices").addEventListener("submit", (event) => event.preventDefault());
}

// Codes once nobody chooses any more: an arrow key that is held down is one choice, not thirty.
let timer = 0;
function soon() {
  clearTimeout(timer);
  timer = setTimeout(code, 350);
}

function choose(value) {
  const slider = at("bytes");
  const near = steps.reduce((best, step, index) => (Math.abs(step - value) < Math.abs(steps[best] - value) ? index : best), 0);
  slider.value = near;
  slider.style.setProperty("--fill", `${(100 * near) / (steps.length - 1)}%`);
  slider.setAttribute("aria-valuetext", `${count(value)} bytes`);
  at("exact").value = value;
}

function pipelines() {
  at("pipelines").replaceChildren(...facts.pipelines.map(({ name, summary }) => make("label", {},
    make("input", { type: "radio", name: "pipeline", value: name, checked: name === facts.pipeline }),
    make("span", {}, name), make("small", {}, summary))));
  at("pipelines").addEventListener("change", soon);
}

function samples() {
  at("samples").hidden = !facts.samples.length;
  at("samples").querySelector("div").replaceChildren(...facts.samples.map((name) => {
    const button = make("button", { type: "button" }, make("img", { src: `/api/samples/${name}`, alt: "" }), make("span", {}, name));
    button.addEventListener("click", () => take(() => server.sample(name), name));
    return button;
  }));
}

function doors() {
  at("file").addEventListener("change", () => give(at("file").files));
  at("another").addEventListener("click", leave);
  at("stop").addEventListener("click", () => stop("Cancelled."));
  at("compare").addEventListener("click", compare);
  at("error").querySelector("button").addEventListener("click", () => { at("error").hidden = true; });
  // Whoever leaves waits for nothing any more.
  addEventListener("pagehide", () => { if (picture?.job) server.stop(picture.job).catch(() => {}); });
  document.addEventListener("paste", (event) => { if (event.clipboardData.files.length) give(event.clipboardData.files); });
  let depth = 0;
  const over = (change) => { depth = Math.max(0, depth + change); document.body.classList.toggle("over", depth > 0); };
  addEventListener("dragenter", (event) => { event.preventDefault(); over(1); });
  addEventListener("dragleave", () => over(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => { event.preventDefault(); over(-depth); give(event.dataTransfer.files); });
}

function give(files) {
  const given = files[0];
  at("file").value = "";
  if (!given) return complain("That was no file. Drop a photograph, or a .dlic file.");
  return take(() => server.upload(given, facts.upload), given.name.replace(/\.[^.]*$/, "") || "picture");
}

function complain(text) {
  at("error").firstElementChild.textContent = text;
  at("error").hidden = false;
  at("error").scrollIntoView({ block: "nearest" });
}

const say = (text) => { at("status").textContent = text; };

function working(job) {
  at("work").hidden = !job;
  document.querySelector(".viewer").setAttribute("aria-busy", Boolean(job));
  if (!job) return;
  const step = job.state === "waiting" ? "Waiting for a free place" : job.step || "Beginning";
  if (at("step").textContent !== step) begun = performance.now();
  at("step").textContent = step;
  // A step does not tell how far it is: the bar creeps towards the next, so that one sees that it works.
  at("share").value = job.share + ((job.until ?? job.share) - job.share) * (1 - Math.exp((begun - performance.now()) / 15000));
}

// Brings a picture to the desk; what was there stays until this one can be shown.
async function take(bring, name) {
  const before = picture;
  await stop();
  const mine = { name, known: {}, job: null, cancelled: false, notes: [] };
  picture = mine;
  at("error").hidden = true;
  desk(true);
  working({ step: "Bringing it in", share: 0.03 });
  say("Reading the file");
  try {
    const first = await bring();
    if (picture !== mine) return server.stop(first.job);
    mine.id = first.picture;
    const job = await follow(mine, first);
    if (picture !== mine) return;
    mine.known = { ...job.made };
    mine.notes = job.made.notes?.read || [];
    working(null);
    if (!Object.keys(job.made).length) return back(before);
    view.reset();
    fresh();
    draw();
    if (mine.known.original) await code();
    else say(`Opened: ${bytes(mine.known.ours.bytes)}.`);
  } catch (error) {
    if (picture === mine) { back(before); tell(error); }
  }
}

function fresh() {
  at("hints").replaceChildren();
  at("hints-note").textContent = "";
  at("hints-block").hidden = !picture.known.original?.color;
  at("choices").hidden = !picture.known.original;
}

function back(before) {
  picture = before?.known.original || before?.known.ours ? before : null;
  working(null);
  desk(Boolean(picture));
}

function tell(error) {
  if (!(error instanceof server.Refused)) throw error;
  complain(error.message);
}

function desk(there) {
  at("start").hidden = there;
  at("desk").hidden = at("another").hidden = !there;
}

function leave() {
  stop();
  picture = null;
  desk(false);
  at("error").hidden = true;
  at("main").focus();
}

// A job of a picture, followed while it is the one that is waited for.
function follow(mine, first, made = () => {}) {
  mine.job = first.job;
  return server.follow(first, (job) => {
    if (picture !== mine || mine.job !== first.job) return false;
    working(job.state === "done" ? null : job);
    made(job);
  });
}

// Words are said where a person wants it stopped: then also what was asked for and has no answer yet.
async function stop(words) {
  const job = picture?.job;
  if (!picture || (!job && !words)) return;
  picture.cancelled = Boolean(words);
  picture.job = null;
  working(null);
  if (words) say(words);
  document.querySelector(".viewer").classList.remove("pending");
  at("compare").disabled = false;
  if (job) await server.stop(job).catch(() => {});
  if (words && picture && !picture.known.original && !picture.known.ours) leave();
}

async function code() {
  if (!picture?.known.original) return;
  const mine = picture;
  await stop();
  const asked = { bytes: Number(at("exact").value), pipeline: document.querySelector("[name=pipeline]:checked").value };
  at("error").hidden = true;
  mine.cancelled = false;
  working({ step: "Beginning", share: 0 });
  document.querySelector(".viewer").classList.toggle("pending", Boolean(mine.known.ours));
  say(`Coding in ${count(asked.bytes)} bytes`);
  try {
    const first = await server.code(mine.id, asked);
    if (picture !== mine || mine.cancelled) return server.stop(first.job).catch(() => {});
    const job = await follow(mine, first, ({ made }) => {
      if (!made.ours?.file && !made.ours?.missing) return;
      // The first of the new pictures takes the old ones' place.
      document.querySelector(".viewer").classList.remove("pending");
      mine.known = { original: mine.known.original, ...made };
      draw();
    });
    if (picture !== mine || job.state !== "done" || mine.job !== job.job) return;
    mine.job = null;
    working(null);
    say(`Done: ${mine.known.ours.missing || bytes(mine.known.ours.bytes)}`);
  } catch (error) {
    if (picture === mine) { mine.job = null; working(null); tell(error); }
  } finally {
    if (picture === mine && !mine.job) document.querySelector(".viewer").classList.remove("pending");
  }
}

async function compare() {
  const mine = picture;
  if (!mine?.known.original) return;
  await stop();
  at("compare").disabled = true;
  mine.cancelled = false;
  working({ step: "Beginning", share: 0 });
  const asked = { bytes: Number(at("exact").value), pipeline: document.querySelector("[name=pipeline]:checked").value };
  try {
    const first = await server.hints(mine.id, asked);
    if (picture !== mine || mine.cancelled) return server.stop(first.job).catch(() => {});
    const job = await follow(mine, first, ({ made, step, share }) => {
      tables.hints(mine.id, made);
      at("hints-note").textContent ||= "";
      if (share < 1) at("hints-note").textContent = `${step} …`;
    });
    if (picture === mine && mine.job === job.job) { mine.job = null; tables.hints(mine.id, job.made); say("Compared."); }
    else if (picture === mine) at("hints-note").textContent = "";
  } catch (error) {
    if (picture === mine) { mine.job = null; tell(error); }
  } finally {
    if (picture === mine) { at("compare").disabled = false; working(mine.job ? {} : null); }
  }
}

// Shows all that is known of the picture.
function draw() {
  const { known, id } = picture;
  const size = known.original || known.ours;
  const shown = {};
  const entries = {};
  for (const name of ORDER.filter((each) => known[each])) {
    const entry = known[name];
    if (!entry.file && !entry.missing) continue;
    entries[name] = entry;
    shown[name] = { ...entry, url: entry.file && server.file(id, entry.file), words: words(name, entry) };
  }
  view.show(shown, size);
  tables.figures(entries, facts.lines);
  tables.parts(id, known.ours);
  summary(known);
  keep("get-dlic", known.ours?.dlic, ".dlic");
  keep("get-png", known.ours?.png, ".png");
  at("notes").textContent = [...picture.notes, ...(known.ours?.notes || [])].join(" ");
}

function words(name, entry) {
  if (entry.missing) return "";
  const psnr = entry.psnr === undefined ? "" : `, ${entry.psnr.toFixed(1)} dB`;
  return `${bytes(entry.bytes)}${psnr}${entry.scale > 1 ? `, at 1/${entry.scale} of the size` : ""}`;
}

function summary({ original, ours }) {
  const [strong, p] = at("summary").children;
  const made = ours?.bytes ? ours : original;
  strong.textContent = made.bytes < 1e5 ? `${count(made.bytes)} bytes` : bytes(made.bytes);
  const slow = facts.lines["2G"];
  const travel = `${seconds((8 * made.bytes) / slow)} on 2G`;
  if (!ours?.bytes || !original) p.textContent = `${made.width} × ${made.height} pixels; ${travel}.`;
  else p.textContent = `${times(original.bytes / ours.bytes)} times fewer than the file’s ${bytes(original.bytes)}. ${travel} instead of ${seconds((8 * original.bytes) / slow)}.`;
}

function keep(id, name, ending) {
  const link = at(id);
  link.hidden = !name;
  if (!name) return;
  link.href = server.file(picture.id, name);
  link.download = `${picture.name}${ending}`;
}

begin().catch((error) => complain(error.message));

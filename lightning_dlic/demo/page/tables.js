// The figures below the pictures.

import { NAMES, at, bytes, count, make, rate, seconds } from "./words.js";
import { figure } from "./view.js";
import { file } from "./server.js";

// Columns: title, value of an entry, how it is written, and which way is better.
function columns(lines) {
  const travel = Object.entries(lines).map(([name, bits]) => [
    `${name}`, (entry) => (8 * entry.bytes) / bits, seconds, 0,
  ]);
  return [
    ["Bytes", (e) => e.bytes, bytes, 0],
    ["Scale", (e) => e.scale, (value) => `1/${value}`, 0],
    ["PSNR", (e) => e.psnr, (value) => `${value.toFixed(2)} dB`, 1],
    ["SSIM", (e) => e.ssim, (value) => value.toFixed(3), 1],
    ["LPIPS", (e) => e.lpips, (value) => value.toFixed(3), -1],
    ["Encode", (e) => e.encode_seconds, seconds, 0],
    ["Decode", (e) => e.decode_seconds, seconds, 0],
    ...travel,
  ];
}

export function figures(entries, lines) {
  const coded = Object.entries(entries).filter(([name]) => name !== "original").map(([, entry]) => entry);
  const all = columns(lines).filter(([, value]) => Object.values(entries).some((entry) => value(entry) !== undefined));
  const best = all.map(([, value, , way]) => {
    const values = coded.map(value).filter((found) => found !== undefined);
    return way && values.length > 1 ? Math.max(...values.map((found) => way * found)) * way : undefined;
  });
  const head = make("tr", {}, make("th", { scope: "col" }, make("span", { class: "unseen" }, "Codec")),
    ...all.map(([title]) => make("th", { scope: "col" }, title)));
  const rows = Object.entries(entries).map(([name, entry]) => make("tr", { class: name }, make("th", { scope: "row" }, NAMES[name]), ...cells(entry, all, best)));
  at("figures").replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
  const travel = Object.entries(lines).map(([name, bits]) => `${name} ${rate(bits)}`).join(", ");
  const lpips = coded.some((entry) => entry.lpips !== undefined);
  const note = coded.length ? "Each codec may downsize first. Of JPEG, WebP and AVIF the best file by SSIM of luma within the bytes stands here, of dlic the one that its pipeline takes for best. PSNR is over all three channels, SSIM of luma. Encoding includes the search, all on this machine. " : "";
  at("figures-note").textContent = `${note}${lpips ? "LPIPS (AlexNet) is taken at 1,024 pixels at most. " : ""}${travel}: time of the bytes alone, without the way there.`;
}

function cells(entry, all, best) {
  if (entry.missing) return [make("td", { class: "none", colspan: all.length }, entry.missing)];
  return all.map(([title, value, write], index) => {
    const found = value(entry);
    const mark = found === undefined ? "blank" : found === best[index] ? "best" : undefined;
    return make("td", { "data-label": title, class: mark }, found === undefined ? "–" : write(found));
  });
}

export function parts(picture, ours) {
  at("parts-block").hidden = !ours?.parts;
  if (!ours?.parts) return;
  at("bar").replaceChildren(...ours.parts.map((part) => {
    const piece = make("i", { class: `part-${part.name}` });
    piece.style.flex = `${part.bytes} 1 0`;
    return piece;
  }));
  const share = (part) => `${((100 * part.bytes) / ours.bytes).toFixed(1)} %`;
  at("bar").setAttribute("aria-label", ours.parts.map((part) => `${part.title}: ${share(part)}`).join(", "));
  at("parts").replaceChildren(...ours.parts.map((part) => make("li", {},
    make("i", { class: `part-${part.name}` }), make("b", {}, part.title),
    make("span", {}, `${bytes(part.bytes)}, ${share(part)}`), make("small", {}, part.words))));
  layers(picture, ours);
}

function layers(picture, ours) {
  const { base, regions } = ours.layers || {};
  const made = [];
  if (base) made.push(figure({ ...base, url: file(picture, base.file), words: `${base.width} × ${base.height} pixels, by ${ours.codec}` }, "Base layer"));
  if (regions) {
    made.push(figure({ ...regions, url: file(picture, regions.file), words: `About ${count(ours.hints.regions)}, in the colours that were sent${ours.hints.net ? "; grey ones are left to a network" : ""}` },
      ours.hints.name === "segmentation" ? "Superpixels" : "Regions"));
  }
  if (base) made.push(figure({ ...ours, url: file(picture, ours.file), words: `${ours.width} × ${ours.height} pixels${through(ours)}` }, "What is decoded"));
  at("layers").replaceChildren(...made);
  at("layers-note").textContent = !base || regions || !ours.color ? "" : ours.hints
    ? "No superpixels to show: a network guesses all colours of this file."
    : "No superpixels to show: this file’s colours are in its base layer. Pipelines with hints may send them apart.";
}

const through = (ours) => (ours.networks.length ? `, through ${ours.networks.join(" and ")}` : ours.through !== null ? `, through pipeline ${ours.through}` : "");

const KINDS = { grid: "Grid", segmentation: "Superpixels", none: "None: guessed" };

export function hints(picture, made) {
  const kinds = Object.keys(KINDS).filter((kind) => made[kind]);
  at("hints").replaceChildren(...kinds.map((kind) => {
    const entry = made[kind];
    if (entry.missing) return figure({ missing: entry.missing }, KINDS[kind]);
    const hint = entry.parts.find((part) => part.name === "hints");
    const words = `${bytes(entry.bytes)}, of them ${hint ? count(hint.bytes) : 0} of hints; chroma ${entry.psnr_chroma.toFixed(2)} dB`;
    const map = entry.regions && make("img", { src: file(picture, entry.regions.file), alt: `Regions of ${KINDS[kind]}`, width: entry.regions.width, height: entry.regions.height });
    return figure({ ...entry, url: file(picture, entry.file), words }, KINDS[kind], map);
  }));
  at("hints-note").textContent = made.about ? `Pipeline ${made.about.pipeline}, at ${made.about.width} × ${made.about.height} pixels.` : "";
}

// Numbers as people read them, and the making of elements.

export const NAMES = { original: "Original", ours: "dlic", jpeg: "JPEG", webp: "WebP", avif: "AVIF" };

export const count = (value) => value.toLocaleString("en");

export function bytes(value) {
  if (value < 10000) return `${count(value)} B`;
  return value < 1e6 ? `${Math.round(value / 1000)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}

export function seconds(value) {
  if (value < 0.0095) return `${(1000 * value).toFixed(1)} ms`;
  if (value < 0.095) return `${Math.round(1000 * value)} ms`;
  if (value < 9.95) return `${value.toFixed(1)} s`;
  if (value < 120) return `${Math.round(value)} s`;
  return value < 7200 ? `${Math.round(value / 60)} min` : `${(value / 3600).toFixed(1)} h`;
}

export const times = (value) => (value < 9.95 ? value.toFixed(1) : count(Math.round(value)));

export function rate(bits) {
  return bits < 1e6 ? `${Math.round(bits / 1000)} kbit/s` : `${bits / 1e6} Mbit/s`;
}

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== ""));
  return element;
}

export const at = (id) => document.getElementById(id);

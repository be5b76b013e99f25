// What sticks out to the right of the page (what scrolls by itself may), and text paler than it may be on what is behind it.
const start = (element) => element.outerHTML.slice(0, 80);
const everything = [...document.querySelectorAll("body *")].filter((each) => each.checkVisibility());
const outside = everything
  .filter((each) => !each.closest(".unseen, thead, .wide, pre") && each.getBoundingClientRect().right > innerWidth + 1)
  .map(start);
if (document.documentElement.scrollWidth > innerWidth) outside.push("the page");

function color(text) {
  const [red, green, blue, opaque = 1] = text.match(/[\d.]+/g).map(Number);
  return { rgb: [red, green, blue], opaque };
}

// Relative luminance as WCAG has it.
function light({ rgb }) {
  const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function behind(element) {
  const found = color(getComputedStyle(element).backgroundColor);
  return found.opaque > 0.5 ? found : behind(element.parentElement);
}

function contrast(element) {
  const [one, other] = [color(getComputedStyle(element).color), behind(element)].map(light);
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}

const written = (each) => [...each.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
const pale = everything
  .filter((each) => written(each) && !each.closest(":disabled, .pending, option") && contrast(each) < 4.5)
  .map(start);
return { outside, pale };

// Samples over time: one slider for all pictures.
const { steps, samples } = JSON.parse(document.getElementById("data").textContent);
const slider = document.getElementById("step");
const output = document.getElementById("step-words");

function show() {
  const step = steps[slider.value];
  output.textContent = `batch ${step.toLocaleString("en")}`;
  slider.setAttribute("aria-valuetext", output.textContent);
  for (const image of document.querySelectorAll("[data-sample]")) {
    // The newest that there was by then, or the first.
    const made = samples[image.dataset.sample];
    const [at, address] = made.filter(([when]) => when <= step).pop() || made[0];
    if (image.getAttribute("src") !== address) image.src = address;
    image.closest("figure").querySelector("[data-at]").textContent = `batch ${at.toLocaleString("en")}`;
  }
}

if (slider) {
  slider.addEventListener("input", show);
  show();
}

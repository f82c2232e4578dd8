// Counts down to the end of something that is good for a short while, and takes it away then.

import { announce } from "./base.js";

const place = document.querySelector("[data-countdown]");
const ends = performance.now() + 1000 * Number(place?.dataset.countdown);
const ticking = place && setInterval(tick, 1000);

function tick() {
  const left = Math.max(0, Math.round((ends - performance.now()) / 1000));
  place.querySelector("[data-left]").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  if (left > 0) return;
  clearInterval(ticking);
  place.textContent = place.dataset.over;
  announce(place.dataset.over);
}

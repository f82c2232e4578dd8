// Says that a thread was looked at, once it is on the screen.

import { csrfToken } from "./base.js";

const thread = document.querySelector("[data-read]");

function tell() {
  if (document.visibilityState !== "visible") return;
  document.removeEventListener("visibilitychange", tell);
  fetch(thread.dataset.read, { method: "POST", headers: { "X-CSRFToken": csrfToken() }, keepalive: true }).catch(() => null);
}

if (thread) {
  document.addEventListener("visibilitychange", tell);
  tell();
  if (!location.hash) thread.lastElementChild?.scrollIntoView({ block: "center" });
}

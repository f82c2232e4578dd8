// Signs out after idle time, with a warning first. <body> carries data-idle-seconds, data-idle-warning and
// data-idle-stay (POST; 204 while signed in). What the server counts is real use alone, so polls say nothing.

import { csrfToken } from "./base.js";
import { IdleWatch } from "./idle-watch.js";

function leave() {
  document.dispatchEvent(new CustomEvent("idle:leaving"));
  const form = document.querySelector("[data-sign-out]")?.form;
  if (form) form.submit();
  else location.reload();
}

function watchPage(page, dialog) {
  const others = new BroadcastChannel("idle");
  const showLeft = (seconds) => {
    if (seconds === null) return dialog.open && dialog.close();
    dialog.querySelector("[data-idle-left]").textContent = seconds;
    if (!dialog.open) dialog.showModal();
  };
  const stay = async () => {
    others.postMessage("used");
    const answer = await fetch(page.idleStay, { method: "POST", headers: { "X-CSRFToken": csrfToken() } }).catch(() => null);
    if (answer && [401, 403].includes(answer.status)) leave();
  };
  const watch = new IdleWatch({
    seconds: Number(page.idleSeconds), warning: Number(page.idleWarning), stay, warn: showLeft, leave,
  });
  others.addEventListener("message", (event) => (event.data === "active" ? watch.used() : watch.elsewhere()));
  for (const kind of ["keydown", "pointerdown", "input"]) {
    document.addEventListener(kind, () => watch.used(), { passive: true });
  }
  dialog.querySelector("[data-idle-stay]").addEventListener("click", () => watch.stayed());
  dialog.querySelector("[data-idle-leave]").addEventListener("click", leave);
  dialog.addEventListener("cancel", () => watch.stayed());
  setInterval(() => watch.tick(), 1000);
}

if (globalThis.document?.body?.dataset.idleSeconds) {
  watchPage(document.body.dataset, document.getElementById("idle"));
}

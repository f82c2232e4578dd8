// Keeps what is being written on the server, within two seconds of a pause; nothing stays in the browser.
// <form data-draft="/address/" data-draft-status="id of a place for the words">, words in data-saved, data-unsaved.

import { csrfToken } from "./base.js";

const PAUSE = 1500;

function keep(form) {
  const place = document.getElementById(form.dataset.draftStatus);
  let timer = null;
  let dirty = false;

  async function save() {
    if (!dirty) return;
    dirty = false;
    const answer = await fetch(form.dataset.draft, {
      method: "POST", body: new FormData(form), headers: { "X-CSRFToken": csrfToken() }, keepalive: true,
    }).catch(() => null);
    dirty ||= !answer?.ok;
    if (place) place.textContent = answer?.ok ? place.dataset.saved : place.dataset.unsaved;
    if (dirty) timer = setTimeout(save, 4 * PAUSE);
  }

  form.addEventListener("input", () => {
    dirty = true;
    clearTimeout(timer);
    timer = setTimeout(save, PAUSE);
  });
  form.addEventListener("submit", () => { dirty = false; clearTimeout(timer); });
  document.addEventListener("idle:leaving", save);
  globalThis.addEventListener("pagehide", save);
}

for (const form of document.querySelectorAll("form[data-draft]")) keep(form);
document.addEventListener("htmx:load", (event) => {
  const { elt } = event.detail;
  if (elt.matches?.("form[data-draft]")) keep(elt);
  for (const form of elt.querySelectorAll?.("form[data-draft]") ?? []) keep(form);
});

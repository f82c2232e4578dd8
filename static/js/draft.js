// Keeps what is being written on the server, within two seconds of a pause; nothing stays in the browser.
// <form data-draft="/address/" data-draft-status="id of a place for the words">, words in data-saved, data-unsaved.

import { csrfToken } from "./base.js";

const PAUSE = 1500;
const LONGEST = 4 * PAUSE;
const onItsWay = new WeakMap();

/** Resolves when no draft of the form is on its way: one that came after what it became would stand again. */
export function settled(form) {
  return onItsWay.get(form) ?? Promise.resolve();
}

function post(form) {
  const sent = fetch(form.dataset.draft, {
    method: "POST", body: new FormData(form), headers: { "X-CSRFToken": csrfToken() }, keepalive: true,
  }).catch(() => null);
  onItsWay.set(form, sent);
  return sent;
}

function keep(form) {
  const place = document.getElementById(form.dataset.draftStatus);
  let timer = null;
  let dirty = false;
  let since = null;

  async function save() {
    if (!dirty) return;
    dirty = false;
    since = null;
    const answer = await post(form);
    const kept = Boolean(answer?.ok) && !answer.redirected;
    if (place) place.textContent = kept ? place.dataset.saved : place.dataset.unsaved;
    if (kept) return;
    dirty = true;
    clearTimeout(timer);
    timer = setTimeout(save, LONGEST);
  }

  form.addEventListener("input", () => {
    dirty = true;
    since ??= Date.now();
    clearTimeout(timer);
    timer = setTimeout(save, Math.max(0, Math.min(PAUSE, since + LONGEST - Date.now())));
  });
  // A page that sends its form by itself says when it does: a press of the button may come to nothing.
  form.addEventListener(form.matches("[data-composer]") ? "composer:sends" : "submit", () => {
    dirty = false;
    since = null;
    clearTimeout(timer);
  });
  document.addEventListener("idle:leaving", save);
  globalThis.addEventListener("pagehide", save);
}

for (const form of document.querySelectorAll("form[data-draft]")) keep(form);
document.addEventListener("htmx:load", (event) => {
  const { elt } = event.detail;
  if (elt.matches?.("form[data-draft]")) keep(elt);
  for (const form of elt.querySelectorAll?.("form[data-draft]") ?? []) keep(form);
});

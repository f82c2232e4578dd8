// What every page does: guards HTML sinks, says things aloud, shows toasts, keeps a form from going twice.

const UNWANTED = /<(script|iframe|object|embed|base|meta)\b|<[^>]*\s(on\w+|srcdoc|style)\s*=|<[^>]*=\s*["']?\s*javascript:/i;

// Fragments of ours never hold what runs by itself; whatever does is refused, not mended.
globalThis.trustedTypes?.createPolicy("default", {
  createHTML: (html) => (UNWANTED.test(html) ? null : html),
});

export function announce(text) {
  const place = document.querySelector("[data-announcer]");
  if (!place) return;
  place.textContent = "";
  setTimeout(() => { place.textContent = text; }, 50);
}

export function toast(text, seconds = 6) {
  const shown = document.createElement("div");
  shown.className = "toast";
  shown.textContent = text;
  document.querySelector("[data-toasts]")?.append(shown);
  setTimeout(() => shown.remove(), seconds * 1000);
}

export function csrfToken() {
  const headers = document.body.getAttribute("hx-headers");
  return headers ? JSON.parse(headers)["X-CSRFToken"] : "";
}

function holdWhileSending(event) {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog" || form.hasAttribute("data-again")) return;
  if (form.hasAttribute("aria-busy")) {
    event.preventDefault();
    return;
  }
  form.setAttribute("aria-busy", "true");
}

function releaseForms() {
  for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
}

function countLetters(field) {
  const place = document.getElementById(field.dataset.count);
  if (!place) return;
  const left = field.maxLength - field.value.length;
  place.textContent = left <= field.maxLength / 5 ? `${left}` : "";
}

document.addEventListener("submit", holdWhileSending);
globalThis.addEventListener("pageshow", releaseForms);
document.addEventListener("input", (event) => {
  if (event.target.dataset?.count) countLetters(event.target);
});
document.addEventListener("toast", (event) => toast(event.detail.value ?? event.detail));

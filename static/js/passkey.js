// Passkeys: an element with data-passkey ("give" or "add"), data-begin, data-complete and data-next holds a
// button. It stays hidden where the browser knows no passkeys. Whoever has no recovery codes yet is shown some, by the
// form of data-passkey-codes.

import { csrfToken } from "./base.js";

const KNOWN = typeof globalThis.PublicKeyCredential?.parseCreationOptionsFromJSON === "function";

async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Accept": "application/json", "X-CSRFToken": csrfToken() },
    body: JSON.stringify(body),
  });
  const told = await answer.json().catch(() => ({}));
  if (told.error?.url) location.assign(told.error.url);
  if (!answer.ok) throw new Error("refused");
  return told;
}

async function ask(act, options) {
  if (act === "add") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

async function run(place) {
  const { passkey, begin, complete, next } = place.dataset;
  const credential = await ask(passkey, await post(begin, {}));
  const where = next ? `${complete}?next=${encodeURIComponent(next)}` : complete;
  const told = await post(where, credential.toJSON());
  if (told.wants_codes) return place.querySelector("[data-passkey-codes]").submit();
  location.assign(told.redirect_url || next || "/security");
}

function prepare(place) {
  const button = place.querySelector("button");
  const error = place.querySelector("[data-passkey-error]");
  place.hidden = false;
  button.addEventListener("click", async () => {
    error.hidden = true;
    button.disabled = true;
    try {
      await run(place);
    } catch {
      error.textContent = place.dataset.failed;
      error.hidden = false;
    }
    button.disabled = false;
  });
}

if (KNOWN) document.querySelectorAll("[data-passkey]").forEach(prepare);

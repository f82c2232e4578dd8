// Dialogs by attribute: data-opens="id", data-closes; data-confirm="question" on a form or a button asks first.

export function ask(question, yes = "") {
  const dialog = document.getElementById("confirm");
  dialog.querySelector("h2").textContent = question;
  const button = dialog.querySelector("[data-confirm-yes]");
  button.dataset.usual ??= button.textContent;
  button.textContent = yes || button.dataset.usual;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

async function confirmFirst(event) {
  const form = event.target;
  const asking = event.submitter?.dataset.confirm ? event.submitter : form;
  if (!asking.dataset.confirm || form.dataset.confirmed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!(await ask(asking.dataset.confirm, asking.dataset.confirmYes))) return;
  form.dataset.confirmed = "yes";
  form.requestSubmit(event.submitter);
  delete form.dataset.confirmed;
}

function openOrClose(event) {
  const opener = event.target.closest?.("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens)?.showModal();
  const closer = event.target.closest?.("[data-closes]");
  if (closer) closer.closest("dialog")?.close();
}

document.addEventListener("submit", confirmFirst, { capture: true });
document.addEventListener("click", openOrClose);

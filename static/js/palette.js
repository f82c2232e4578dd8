// Find or do: what is typed narrows the actions at once and asks the directory after a pause (by htmx).
// The directory's words are cleared when the palette closes: nothing of a search stays on the page.

export class Palette {
  constructor(dialog, { does, begin }) {
    Object.assign(this, { dialog, does, begin });
    this.words = dialog.querySelector("input[type=search]");
    this.found = dialog.querySelector("#palette-found");
    this.ofCase = dialog.querySelector("#palette-case");
    this.words.addEventListener("input", () => this.narrow());
    dialog.addEventListener("keydown", (event) => this.key(event));
    dialog.addEventListener("click", (event) => this.chosen(event));
    dialog.addEventListener("close", () => this.clear());
  }

  open({ finds = false } = {}) {
    if (this.dialog.open) return;
    this.dialog.classList.toggle("finds", finds);
    this.offerActs();
    this.offerLists();
    this.dialog.showModal();
    this.narrow();
    this.words.focus();
    this.offerMacros();
  }

  clear() {
    this.words.value = "";
    this.found.replaceChildren();
    this.ofCase.replaceChildren();
  }

  // What the heading of the open case offers, under the same names and letters.
  offerActs() {
    const offered = [...document.querySelectorAll("[data-case-actions] [data-act]")];
    this.ofCase.replaceChildren(...offered.map((button) => {
      const item = document.createElement("li");
      const made = Object.assign(document.createElement("button"), { type: "button" });
      made.dataset.begins = button.dataset.act;
      const icon = button.querySelector(".icon")?.cloneNode(true);
      const label = Object.assign(document.createElement("span"), { textContent: button.querySelector("span")?.textContent || button.title || button.textContent.trim() });
      made.append(...[icon, label].filter(Boolean));
      if (button.dataset.actKey) made.append(Object.assign(document.createElement("kbd"), { textContent: button.dataset.actKey }));
      item.append(made);
      return item;
    }));
  }

  // Lists of one's own stand in the rail alone.
  offerLists() {
    for (const old of this.dialog.querySelectorAll("[data-own-list]")) old.remove();
    for (const link of document.querySelectorAll("#rail [data-view-link^=saved]")) {
      const item = document.createElement("li");
      item.dataset.ownList = "";
      const made = Object.assign(document.createElement("a"), { href: link.href });
      made.append(...[...link.children].filter((part) => !part.matches(".count")).map((part) => part.cloneNode(true)));
      item.append(made);
      this.dialog.querySelector("#palette-actions").append(item);
    }
  }

  async offerMacros() {
    const address = document.getElementById("case-head")?.dataset.macros;
    if (!address) return;
    const answer = await fetch(address).catch(() => null);
    if (!answer?.ok || !this.dialog.open) return;
    const made = document.createElement("template");
    made.innerHTML = await answer.text();
    this.ofCase.append(...made.content.children);
    globalThis.htmx.process(this.ofCase);
    this.narrow();
  }

  narrow() {
    const words = this.words.value.trim().toLowerCase();
    for (const item of this.dialog.querySelectorAll("#palette-actions > li, #palette-case > li")) {
      item.hidden = words !== "" && !item.textContent.toLowerCase().includes(words);
    }
    this.mark(this.items()[0]);
  }

  items() {
    const all = this.dialog.querySelectorAll(".palette-list a, .palette-list button");
    return [...all].filter((item) => !item.closest("[hidden]") && item.offsetParent !== null);
  }

  mark(item) {
    for (const other of this.dialog.querySelectorAll("[data-marked]")) delete other.dataset.marked;
    if (!item) return;
    item.dataset.marked = "yes";
    item.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const items = this.items();
    const at = items.findIndex((item) => item.dataset.marked);
    if (step) {
      event.preventDefault();
      this.mark(items[(at + step + items.length) % items.length]);
    } else if (event.key === "Escape") {
      // A search field would spend the first one on emptying itself.
      event.preventDefault();
      this.dialog.close();
    } else if (event.key === "Enter" && event.target === this.words && items[at]) {
      event.preventDefault();
      items[at].click();
    }
  }

  chosen(event) {
    const item = event.target.closest("[data-does], [data-begins], a[href], [data-dialog], [data-closes-palette]");
    if (!item) return;
    this.dialog.close();
    if (item.dataset.does) this.does[item.dataset.does]?.();
    if (item.dataset.begins) this.begin(item.dataset.begins);
  }
}

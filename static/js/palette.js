// Find or do: what is typed narrows the actions at once and asks the directory after a pause (by htmx).
// The directory's words are cleared when the palette closes: nothing of a search stays on the page.

export class Palette {
  constructor(dialog, { does }) {
    this.dialog = dialog;
    this.does = does;
    this.words = dialog.querySelector("input[type=search]");
    this.found = dialog.querySelector("#palette-found");
    this.words.addEventListener("input", () => this.narrow());
    dialog.addEventListener("keydown", (event) => this.key(event));
    dialog.addEventListener("click", (event) => this.chosen(event));
    dialog.addEventListener("close", () => this.clear());
  }

  open() {
    if (this.dialog.open) return;
    this.dialog.showModal();
    this.narrow();
    this.words.focus();
  }

  clear() {
    this.words.value = "";
    this.found.replaceChildren();
  }

  narrow() {
    const words = this.words.value.trim().toLowerCase();
    for (const item of this.dialog.querySelectorAll("#palette-actions > li")) {
      item.hidden = words !== "" && !item.textContent.toLowerCase().includes(words);
    }
    this.mark(this.items()[0]);
  }

  items() {
    const all = this.dialog.querySelectorAll(".palette-list a, .palette-list button");
    return [...all].filter((item) => !item.closest("[hidden]"));
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
      const known = event.target.value.trim() === "" || items[at].closest("#palette-found, #palette-actions");
      if (known) {
        event.preventDefault();
        items[at].click();
      }
    }
  }

  chosen(event) {
    const item = event.target.closest("[data-does], a[href], [data-dialog]");
    if (!item) return;
    this.dialog.close();
    if (item.dataset.does) this.does[item.dataset.does]?.();
  }
}

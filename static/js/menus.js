// Menus of a `details`: one open at a time; Escape and a click elsewhere close it, arrows walk through it.

export class Menus {
  constructor(page, selector = "details.acts, details.later") {
    Object.assign(this, { page, selector });
  }

  listen() {
    this.page.addEventListener("click", (event) => this.clicked(event));
    this.page.addEventListener("keydown", (event) => this.key(event));
    this.page.addEventListener("toggle", (event) => this.toggled(event), { capture: true });
  }

  open() {
    return [...this.page.querySelectorAll(this.selector)].filter((menu) => menu.open);
  }

  clicked(event) {
    for (const menu of this.open()) {
      if (!menu.contains(event.target) || event.target.closest?.("ul button")) menu.open = false;
    }
  }

  toggled({ target }) {
    if (!target.matches?.(this.selector) || !target.open) return;
    for (const menu of this.open()) if (menu !== target) menu.open = false;
    if (!target.querySelector("ul")?.contains(this.page.activeElement)) target.querySelector("ul button, input")?.focus();
  }

  key(event) {
    const menu = event.target.closest?.(this.selector);
    if (!menu?.open) return;
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      menu.open = false;
      menu.querySelector("summary").focus();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const items = [...menu.querySelectorAll("ul button")];
    if (!step || !items.length) return;
    event.preventDefault();
    items[(items.indexOf(this.page.activeElement) + step + items.length) % items.length].focus();
  }
}

// The console's keys. Ignored while one types, with modifiers (but Ctrl+K) and while a dialog is open; can be
// switched off, all but Ctrl+K and Escape. `does` maps a name to what is done, `goes` opens a view by its letter,
// `acts` begins what the heading of the open case offers under a letter.

const PLAIN = {
  j: "next", k: "previous", r: "reply", n: "note", c: "new-case", u: "undo", x: "mark", "/": "find", "?": "keys",
};
const PATIENCE = 1200;

export function typing(target) {
  return Boolean(target?.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable='true'], [role='listbox']"));
}

export class Keys {
  constructor({ does, goes, acts = () => false, enabled, now = Date.now }) {
    Object.assign(this, { does, goes, acts, enabled, now });
    this.wentAt = -Infinity;
  }

  // Whether the key meant something here.
  press({ key, ctrlKey = false, metaKey = false, altKey = false, shiftKey = false, target = null, modal = false }) {
    if ((ctrlKey || metaKey) && !altKey && !shiftKey && key.toLowerCase() === "k") return this.act("palette");
    if (ctrlKey || metaKey || altKey || modal || typing(target) || !this.enabled()) return false;
    if (this.now() - this.wentAt < PATIENCE) {
      this.wentAt = -Infinity;
      return this.goes(key);
    }
    if (key === "g") {
      this.wentAt = this.now();
      return true;
    }
    if (key === "X" && shiftKey) return this.act("mark-range");
    return PLAIN[key] ? this.act(PLAIN[key]) : this.acts(key);
  }

  act(name) {
    const what = this.does[name];
    if (!what) return false;
    what();
    return true;
  }
}

export function listen(keys) {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented || event.repeat && !"jk".includes(event.key)) return;
    const modal = Boolean(document.querySelector("dialog[open]"));
    if (keys.press({ key: event.key, ctrlKey: event.ctrlKey, metaKey: event.metaKey, altKey: event.altKey,
      shiftKey: event.shiftKey, target: event.target, modal })) event.preventDefault();
  });
}

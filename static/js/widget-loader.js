// The one script tag of the chat: <script src="https://portal.example/static/js/widget-loader.js" defer
// data-label="Chat with us" data-lang="es" data-bottom="72"></script>. It puts a button at the lower right and
// opens a frame of ours, so that the page around it never sees a message.

(() => {
  const tag = document.currentScript;
  const home = new URL(tag.src).origin;
  const remembered = "dme-chat";
  const words = { open: tag.dataset.label || "Chat with us", shut: tag.dataset.shut || "Close the chat", unread: tag.dataset.unread || "new messages" };
  const lift = Number(tag.dataset.bottom || 0);

  const STYLE = `
    :host { all: initial; }
    button { position: fixed; z-index: 2147483000; right: 20px; bottom: 20px; display: inline-flex; align-items: center; gap: 8px;
      min-height: 52px; padding: 0 20px; border: 0; border-radius: 26px; background: #0b6075; color: #fff;
      font: 600 16px/1.2 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; cursor: pointer; box-shadow: 0 4px 16px rgb(0 0 0 / 25%); }
    button:hover { background: #074a5b; }
    button:focus-visible { outline: 3px solid #0b57d0; outline-offset: 3px; }
    b { min-width: 22px; padding: 0 4px; border-radius: 11px; background: #a81e16; font-size: 13px; line-height: 22px; text-align: center; }
    iframe { position: fixed; z-index: 2147483001; right: 20px; bottom: 84px; width: 400px; height: min(640px, calc(100vh - 104px));
      border: 0; border-radius: 16px; background: #fff; box-shadow: 0 8px 32px rgb(0 0 0 / 30%); color-scheme: light dark; }
    [hidden] { display: none; }
    @media (max-width: 60rem) { button { bottom: calc(20px + ${lift}px); right: 16px; } iframe { bottom: calc(84px + ${lift}px); height: min(640px, calc(100vh - 104px - ${lift}px)); } }
    @media (max-width: 30rem) { button { min-height: 44px; padding: 0 16px; font-size: 15px; } iframe { inset: 0; width: 100%; height: 100%; height: 100dvh; border-radius: 0; } }
    @media (prefers-color-scheme: dark) { button:focus-visible { outline-color: #9ec5ff; } iframe { background: #162129; } }
    @media print { button, iframe { display: none; } }`;

  const place = document.createElement("div");
  const root = place.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];

  const button = document.createElement("button");
  const label = document.createElement("span");
  const badge = document.createElement("b");
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  badge.hidden = true;
  button.append(label, badge);
  root.append(button);
  let frame = null;

  function say(open, unread = 0) {
    label.textContent = open ? words.shut : words.open;
    badge.textContent = unread > 9 ? "9+" : unread;
    badge.hidden = open || !unread;
    button.setAttribute("aria-label", badge.hidden ? label.textContent : `${label.textContent}, ${unread} ${words.unread}`);
  }

  function remember(state) {
    try { sessionStorage.setItem(remembered, state); } catch { /* a page may forbid storage; then nothing is remembered */ }
  }

  function recall() {
    try { return sessionStorage.getItem(remembered); } catch { return null; }
  }

  function load() {
    if (frame) return;
    const address = new URL(tag.dataset.frame || "/chat/widget/", home);
    address.searchParams.set("host", location.origin);
    address.searchParams.set("lang", tag.dataset.lang || document.documentElement.lang.slice(0, 2) || "en");
    frame = document.createElement("iframe");
    frame.src = address;
    frame.title = words.open;
    frame.hidden = true;
    frame.allow = "camera";
    root.append(frame);
  }

  function tell(type) {
    frame.contentWindow?.postMessage({ dme: 1, type }, home);
  }

  function open() {
    load();
    frame.hidden = false;
    button.setAttribute("aria-expanded", "true");
    say(true);
    remember("open");
    tell("open");
    frame.focus();
  }

  function shut() {
    if (!frame || frame.hidden) return;
    frame.hidden = true;
    button.setAttribute("aria-expanded", "false");
    say(false);
    remember("begun");
    tell("shut");
    button.focus();
  }

  function hear(event) {
    if (event.origin !== home || event.source !== frame?.contentWindow || event.data?.dme !== 1) return;
    if (event.data.type === "ready") tell(frame.hidden ? "shut" : "open");
    if (event.data.type === "close") shut();
    if (event.data.type === "unread" && frame.hidden) say(false, Number(event.data.count) || 0);
  }

  function begin() {
    say(false);
    document.body.append(place);
    const before = recall();
    if (before === "begun") load();
    if (before === "open") open();
  }

  button.addEventListener("click", () => (frame && !frame.hidden ? shut() : open()));
  button.addEventListener("keydown", (event) => event.key === "Escape" && shut());
  addEventListener("message", hear);
  if (document.body) begin();
  else addEventListener("DOMContentLoaded", begin);
})();

// The agents' desk: joins the socket, the queue, the thread, the composer and the keys on one page.

import { csrfToken, toast } from "./base.js";
import { ChatClient } from "./chat-core.js";
import { Composer } from "./composer.js";
import { Queue } from "./console-queue.js";
import { chime, notify } from "./console-sound.js";
import { Thread } from "./console-thread.js";
import { Held } from "./held.js";
import { Keys, listen as listenForKeys } from "./keys.js";
import { Menus } from "./menus.js";
import { Offers } from "./offers.js";
import { Palette } from "./palette.js";
import { sendFile } from "./upload.js";

const POLL_EVERY = 10_000;

const desk = document.querySelector("[data-desk]");
const phrases = kebabs(document.querySelector("[data-phrases]"));
const client = new ChatClient({ socket: desk.dataset.socket, http: overHttp, listen: heard });
const thread = new Thread(desk, { client, phrases });
const queue = new Queue(desk, { isOpen: (number) => thread.isOpen(number) });
const offers = new Offers(document.getElementById("offers"), { words: phrases, opens: openCase, ring });
const held = new Held({ phrases, back: (kept) => composer.giveBack(kept), left: () => thread.refresh() });
const composer = new Composer({ thread, held, phrases, preferences, upload });
const does = {
  next: () => queue.move(1),
  previous: () => queue.move(-1),
  reply: () => composer.write("reply"),
  note: () => composer.write("note"),
  undo: () => held.undoLast(),
  mark: () => queue.markHere(),
  "mark-range": () => queue.markHere({ range: true }),
  find: () => palette.open({ finds: true }),
  palette: () => palette.open(),
  "new-case": () => openDialog(desk.dataset.newCase),
  "new-list": () => openDialog(desk.dataset.newList),
  bell: () => openDialog(desk.dataset.notifications),
  keys: () => document.querySelector('[data-key="?"]').click(),
};
const palette = new Palette(document.getElementById("palette"), { does, begin });
const keys = new Keys({ does, goes, acts: actBy, enabled: () => preferences().shortcuts });

function kebabs(place) {
  return Object.fromEntries([...place.attributes].filter(({ name }) => name.startsWith("data-")).map(({ name, value }) => [name.slice(5), value]));
}

function preferences() {
  const kept = document.querySelector("[data-preferences]")?.dataset ?? {};
  return { shortcuts: kept.shortcuts !== "no", enterSends: kept.enterSends === "yes", sounds: kept.sounds ?? "mine", notices: kept.notices === "yes" };
}

function begin(act) {
  document.querySelector(`[data-case-actions] [data-act="${CSS.escape(act)}"]`)?.click();
}

function actBy(letter) {
  const button = document.querySelector(`[data-case-actions] [data-act-key="${CSS.escape(letter)}"]`);
  button?.click();
  return Boolean(button);
}

function goes(letter) {
  const link = document.querySelector(`#rail [data-goes="${CSS.escape(letter)}"]`);
  link?.click();
  return Boolean(link);
}

// --- the socket, and what stands in for it -------------------------------------------------------------
async function overHttp(method, path, body) {
  const headers = { "X-CSRFToken": csrfToken(), ...(body ? { "Content-Type": "application/json" } : {}) };
  const answer = await fetch(`/chat/${path}`, { method, headers, body: body && JSON.stringify(body) });
  const retryAfter = Number(answer.headers.get("Retry-After")) || 0;
  return { status: answer.status, retryAfter, body: await answer.json().catch(() => null) };
}

// Where nobody has spoken on the case yet, the file is its patient's; of a guest there is nothing to keep it with.
async function upload(file, conversation, onPart) {
  const { uploads, files, nobody } = desk.dataset;
  const { patient } = document.getElementById("case-head").dataset;
  if (!conversation && !patient) throw new Error();
  const { upload: id } = await sendFile({
    file, base: conversation ? uploads.replace(nobody, conversation) : files, headers: { "X-CSRFToken": csrfToken() },
    about: { kind: "other", ...(conversation ? {} : { patient }) }, onProgress: (sent, size) => onPart(size ? sent / size : 0),
  });
  return id;
}

const FRAMES = {
  connection: ({ state }) => connection(state),
  message: (frame) => message(frame),
  entry: (detail) => thread.entry(detail),
  read: (frame) => thread.readBy(frame),
  typing: (frame) => thread.typing(frame),
  viewing: (frame) => thread.viewing(frame),
  state: (frame) => stateOf(frame),
  "queue.changed": (frame) => queueChanged(frame),
  offer: (frame) => offers.heard(frame),
  "case.changed": (frame) => caseChanged(frame),
  error: (frame) => composer.say(frame.detail ?? ""),
};

function heard(name, detail) {
  FRAMES[name]?.(detail);
}

function connection(state) {
  const told = document.getElementById("connection");
  told.hidden = ["live", "connecting", "idle"].includes(state);
  told.textContent = state === "signed-out" ? phrases["signed-out"] : phrases.offline;
  if (state === "signed-out") location.reload();
  if (state === "live") caughtUp();
}

// What changed between the page and its socket, or while there was none, no frame tells any more.
function caughtUp() {
  look();
  renewHead();
}

function message(frame) {
  thread.arrived(frame);
  composer.forward();
}

let waitingChats = null;

function queueChanged({ counts }) {
  queue.counted();
  if (waitingChats !== null && counts.queued > waitingChats && preferences().sounds === "all") ring(phrases["chat-waits"]);
  waitingChats = counts.queued;
}

function caseChanged({ number, what, conversation }) {
  queue.changed(number);
  queue.counted();
  const { sounds } = preferences();
  const open = thread.isOpen(number);
  if (what === "message") {
    const hidden = document.visibilityState === "hidden" || !open;
    if (hidden && (sounds === "all" || (sounds === "mine" && queue.serves(conversation)))) ring(phrases["message-waits"]);
    if (open && conversation !== thread.talk?.id) thread.refresh();
    if (open) held.refresh();
  } else if (open) renewHead();
}

function stateOf({ conversation }) {
  if (conversation === thread.talk?.id) renewHead();
}

function ring(words = "") {
  chime({ onBlocked: () => toast(phrases.blocked) });
  if (words && preferences().notices) notify(words);
}

let headTimer = null;

// Whoever is in the menu of the heading stays in it while a colleague writes.
function inMenu(head) {
  const at = head.contains(document.activeElement) ? document.activeElement : null;
  return { open: head.querySelector("details.acts[open]") !== null, act: at?.dataset.act ?? "", onSummary: at?.tagName === "SUMMARY" };
}

function backInMenu(head, { open, act, onSummary }) {
  const menu = head.querySelector("details.acts");
  if (menu && open) menu.open = true;
  const again = onSummary ? menu?.querySelector("summary") : act && head.querySelector(`[data-act="${CSS.escape(act)}"]`);
  if (again) again.focus();
}

function renewHead() {
  headTimer ??= setTimeout(async () => {
    headTimer = null;
    const head = document.getElementById("case-head");
    if (!head) return;
    const answer = await fetch(head.dataset.head).catch(() => null);
    if (!answer?.ok || head !== document.getElementById("case-head")) return;
    const before = thread.facts.caseState;
    const words = await answer.text();
    const place = inMenu(head);
    head.innerHTML = words;
    backInMenu(head, place);
    globalThis.htmx.process(head);
    thread.follow();
    await Promise.all([thread.refresh(), held.refresh()]);
    if ((before === "closed") !== (thread.facts.caseState === "closed")) openCase(head.dataset.case);
  }, 150);
}

function openCase(number) {
  globalThis.htmx.ajax("GET", desk.dataset.case.replace("NUMBER", number), { source: "#main", target: "#main", swap: "innerHTML" });
}

function poll() {
  if (client.state !== "live") look();
}

async function look() {
  const body = new URLSearchParams({ view: desk.dataset.view });
  const answer = await fetch(desk.dataset.poll, { method: "POST", body, headers: { "X-CSRFToken": csrfToken() } }).catch(() => null);
  if (!answer?.ok) return;
  const { counts, stamp } = await answer.json();
  queue.showCounts(counts);
  if (queue.rows && queue.rows.dataset.stamp !== stamp) queue.all();
}

// --- what is clicked and typed -------------------------------------------------------------------------
function show(pane) {
  desk.dataset.pane = pane;
  for (const button of document.querySelectorAll("[data-show]")) {
    button.setAttribute("aria-pressed", String(button.dataset.show === pane));
  }
}

// Without a source of its own a request waits behind any other of the page, and counts as answered meanwhile:
// the dialog would open with what it showed before.
async function openDialog(address) {
  const dialog = document.getElementById("work");
  const [source, target] = ["[data-dialog-asks]", "[data-dialog-body]"].map((one) => dialog.querySelector(one));
  try {
    await globalThis.htmx.ajax("GET", address, { source, target, swap: "innerHTML" });
  } catch {
    return; // another dialog was asked for, or the line is down
  }
  if (!dialog.open) dialog.showModal();
  const first = dialog.querySelector("[data-focus]") ?? dialog.querySelector("form :is(input:not([type=hidden]), select, textarea)");
  first?.focus();
}

function bulk() {
  openDialog(`${desk.dataset.bulk}?numbers=${[...queue.marked].join(",")}`);
}

async function askToNotify() {
  const answer = await globalThis.Notification?.requestPermission();
  toast(answer === "granted" ? phrases["notices-on"] : phrases["notices-off"]);
}

const CLICKS = [
  ["[data-show]", (at) => show(at.dataset.show)],
  ["[data-toggle-beside]", () => show(desk.dataset.pane === "context" ? "thread" : "context")],
  ["[data-dialog]", (at) => openDialog(at.dataset.dialog)],
  [".compose-tabs [data-kind]", (at) => composer.write(at.dataset.kind)],
  ["[data-send-anyway]", (at) => composer.sendDespite(at.dataset.sendAnyway, { throughPortal: "byPortal" in at.dataset })],
  ["[data-through-portal]", () => composer.send({ throughPortal: true })],
  ["[data-fill], [data-mention]", (at) => composer.fill(at)],
  ["[data-undo]", (at) => held.undo(at)],
  ["[data-send-now]", (at) => held.sendNow(at)],
  ["[data-sound-test]", () => ring()],
  ["[data-notices-ask]", () => askToNotify()],
  ["[data-retry]", (at, event) => thread.retry(event)],
  ["[data-mark]", (at, event) => queue.toggle(at.dataset.mark, { range: event.shiftKey })],
  ["[data-bulk-act]", () => bulk()],
  ["[data-bulk-clear]", () => queue.clear()],
  ["[data-more]", () => queue.list?.more()],
  ["[data-does]", (at) => !at.closest("#palette") && does[at.dataset.does]?.()],
];

function clicked(event) {
  const hit = CLICKS.map(([selector, act]) => [event.target.closest?.(selector), act]).find(([at]) => at);
  hit?.[1](hit[0], event);
  if (event.target.closest?.("[data-opens-case]")) document.getElementById("work").close();
}

function submitted(event) {
  if (!event.target.matches?.("[data-composer]")) return;
  event.preventDefault();
  composer.send();
}

function typed(event) {
  if (event.target.id === "composer-body") composer.input();
}

function swapped({ detail: { target } }) {
  if (target.id === "main") {
    show("thread");
    opened();
    queue.mark();
    document.getElementById("beside").replaceChildren();
  } else if (target.id === "queue") {
    desk.dataset.view = queue.rows?.dataset.list ?? desk.dataset.view;
    for (const link of document.querySelectorAll("[data-view-link]")) {
      if (link.dataset.viewLink === desk.dataset.view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    queue.open();
  } else if (target.id === "rail") {
    queue.mark();
    queue.title();
    tellBell();
  }
}

function tellBell() {
  const { told } = document.querySelector("[data-preferences]")?.dataset ?? {};
  const place = document.querySelector("[data-told]:not([data-preferences])");
  place.dataset.count = told ?? "";
  place.hidden = !told;
}

function opened() {
  thread.open();
  composer.open();
  held.open();
}

// Forms that come back to be corrected, and conflicts, are shown like any other answer.
function beforeSwap({ detail }) {
  if ([409, 422].includes(detail.xhr.status) && detail.target.matches("[data-dialog-body]")) {
    detail.shouldSwap = true;
    detail.isError = false;
  }
}

function acted({ detail: { number } }) {
  document.getElementById("work").close();
  queue.changed(number);
  queue.counted();
  if (thread.isOpen(number)) openCase(number);
}

function listsChanged({ detail }) {
  document.getElementById("work").close();
  queue.clear();
  if (detail?.view) desk.dataset.view = detail.view;
  queue.all();
  queue.counted();
}

function pasted(event) {
  const files = [...(event.clipboardData ?? event.dataTransfer)?.files ?? []];
  if (!files.length || !event.target.closest?.("#composer, #thread")) return;
  event.preventDefault();
  composer.attach(files);
}

document.addEventListener("click", clicked);
document.addEventListener("submit", submitted);
document.addEventListener("input", typed);
document.addEventListener("keydown", (event) => composer.key(event));
document.addEventListener("paste", pasted);
document.addEventListener("drop", pasted);
document.addEventListener("dragover", (event) => event.target.closest?.("#composer, #thread") && event.preventDefault());
document.addEventListener("change", (event) => event.target.matches?.("[data-attach]") && composer.attach(event.target.files));
document.addEventListener("visibilitychange", () => thread.seen());
document.addEventListener("htmx:afterSwap", swapped);
document.addEventListener("htmx:beforeSwap", beforeSwap);
document.addEventListener("case-acted", acted);
document.addEventListener("lists-changed", listsChanged);
document.addEventListener("queue-changed", () => queue.counted());
document.addEventListener("preferences-changed", () => {
  document.getElementById("work").close();
  queue.counted();
});
new Menus(document).listen();
offers.start();
listenForKeys(keys);
setInterval(poll, POLL_EVERY);
opened();
queue.title();
client.start();

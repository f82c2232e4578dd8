import assert from "node:assert/strict";
import test from "node:test";

import { Keys } from "../../static/js/keys.js";

function desk({ enabled = true } = {}) {
  const done = [];
  const clock = { now: 0 };
  const does = Object.fromEntries(["next", "previous", "reply", "note", "find", "palette", "keys", "mark", "mark-range"].map((name) => [name, () => done.push(name)]));
  const goes = (letter) => (letter === "m" ? Boolean(done.push("mine")) : false);
  const acts = (letter) => ("aez".includes(letter) ? Boolean(done.push(`act ${letter}`)) : false);
  return { done, clock, keys: new Keys({ does, goes, acts, enabled: () => enabled, now: () => clock.now }) };
}

const field = { closest: () => ({}) };
const page = { closest: () => null };

test("a key does what the sheet says", () => {
  const { done, keys } = desk();
  for (const key of ["j", "k", "r", "n", "x", "/", "?"]) assert.ok(keys.press({ key, target: page }));
  assert.deepEqual(done, ["next", "previous", "reply", "note", "mark", "find", "keys"]);
});

test("letters of the open case begin what its heading offers", () => {
  const { done, keys } = desk();
  assert.ok(keys.press({ key: "z", target: page }));
  assert.ok(keys.press({ key: "e", target: page }));
  assert.equal(keys.press({ key: "y", target: page }), false);
  assert.deepEqual(done, ["act z", "act e"]);
});

test("shift marks a range", () => {
  const { done, keys } = desk();
  assert.ok(keys.press({ key: "X", shiftKey: true, target: page }));
  assert.deepEqual(done, ["mark-range"]);
});

test("keys are letters while somebody types, with modifiers and in a dialog", () => {
  const { done, keys } = desk();
  assert.equal(keys.press({ key: "r", target: field }), false);
  for (const held of ["ctrlKey", "metaKey", "altKey"]) assert.equal(keys.press({ key: "r", target: page, [held]: true }), false);
  assert.equal(keys.press({ key: "r", target: page, modal: true }), false);
  assert.deepEqual(done, []);
});

test("Ctrl+K works everywhere", () => {
  const { done, keys } = desk({ enabled: false });
  assert.ok(keys.press({ key: "k", ctrlKey: true, target: field }));
  assert.deepEqual(done, ["palette"]);
});

test("keys can be switched off", () => {
  const { done, keys } = desk({ enabled: false });
  assert.equal(keys.press({ key: "r", target: page }), false);
  assert.equal(keys.press({ key: "g", target: page }), false);
  assert.deepEqual(done, []);
});

test("g and a letter go to a view, for a moment", () => {
  const { done, clock, keys } = desk();
  clock.now = 10_000;
  keys.press({ key: "g", target: page });
  assert.ok(keys.press({ key: "m", target: page }));
  keys.press({ key: "g", target: page });
  clock.now += 2000;
  assert.equal(keys.press({ key: "m", target: page }), false);
  keys.press({ key: "g", target: page });
  assert.equal(keys.press({ key: "x", target: page }), false);
  assert.ok(keys.press({ key: "r", target: page }));
  assert.deepEqual(done, ["mine", "reply"]);
});

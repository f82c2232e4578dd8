// The idle watch counts real use alone, warns a minute before, and leaves once (R-SEC-3).

import assert from "node:assert/strict";
import { test } from "node:test";

import { IdleWatch } from "../../static/js/idle-watch.js";

function stage() {
  const seen = { stays: 0, warnings: [], left: 0, time: 0 };
  const watch = new IdleWatch({
    seconds: 900, warning: 60, now: () => seen.time,
    stay: () => { seen.stays += 1; }, warn: (left) => seen.warnings.push(left), leave: () => { seen.left += 1; },
  });
  const pass = (seconds) => {
    for (let count = 0; count < seconds; count += 1) {
      seen.time += 1000;
      watch.tick();
    }
  };
  return { watch, seen, pass };
}

test("nobody there: a warning at 14 minutes, out at 15, once", () => {
  const { seen, pass } = stage();
  pass(839);
  assert.deepEqual(seen.warnings, []);
  pass(1);
  assert.deepEqual(seen.warnings, [60]);
  pass(59);
  assert.equal(seen.warnings.at(-1), 1);
  assert.equal(seen.left, 0);
  pass(30);
  assert.equal(seen.left, 1);
  assert.equal(seen.stays, 0);
});

test("use puts it off, and the server hears of it once a minute at most", () => {
  const { watch, seen, pass } = stage();
  for (let count = 0; count < 600; count += 1) {
    pass(1);
    watch.used();
  }
  assert.equal(seen.stays, 10);
  pass(800);
  assert.deepEqual(seen.warnings, []);
});

test("a last use is reported too, soon after", () => {
  const { watch, seen, pass } = stage();
  pass(30);
  watch.used();
  assert.equal(seen.stays, 0);
  pass(10);
  assert.equal(seen.stays, 1);
  pass(300);
  assert.equal(seen.stays, 1);
});

test("while the warning stands only its button stays", () => {
  const { watch, seen, pass } = stage();
  pass(850);
  watch.used();
  pass(1);
  assert.equal(typeof seen.warnings.at(-1), "number");
  watch.stayed();
  assert.equal(seen.warnings.at(-1), null);
  assert.equal(seen.stays, 1);
  pass(800);
  assert.equal(seen.left, 0);
});

test("use in another tab counts, and is not reported twice", () => {
  const { watch, seen, pass } = stage();
  pass(850);
  watch.elsewhere();
  pass(800);
  assert.equal(seen.left, 0);
  assert.equal(seen.stays, 0);
});

test("a laptop that slept for an hour is signed out as it wakes", () => {
  const { watch, seen } = stage();
  seen.time += 3_600_000;
  watch.tick();
  assert.equal(seen.left, 1);
});

// A short tone for what waits; browsers allow it once somebody has clicked on the page.

let player = null;

export async function chime({ onBlocked } = {}) {
  player ??= new AudioContext();
  if (player.state === "suspended") await Promise.race([player.resume(), new Promise((done) => setTimeout(done, 200))]);
  if (player.state !== "running") return onBlocked?.();
  const tone = player.createOscillator();
  const volume = player.createGain();
  tone.frequency.value = 660;
  volume.gain.setValueAtTime(0.08, player.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.0001, player.currentTime + 0.35);
  tone.connect(volume).connect(player.destination);
  tone.start();
  tone.stop(player.currentTime + 0.36);
}

// A notice of the desktop. It says that something waits: never what, nor whose.
export function notify(words) {
  if (globalThis.Notification?.permission !== "granted" || document.visibilityState === "visible") return;
  const shown = new Notification(document.title.replace(/^\(\d+\+?\) /, ""), { body: words, tag: "console", silent: true });
  shown.addEventListener("click", () => { globalThis.focus(); shown.close(); });
}

// Counts idle time. `stay` tells the server of real use, `warn(seconds or null)` shows what is left, `leave` ends it.

const REPORT_EVERY = 60_000;

export class IdleWatch {
  constructor({ seconds, warning, now = Date.now, stay, warn, leave }) {
    Object.assign(this, { limit: seconds * 1000, warning: warning * 1000, now, stay, warn, leave });
    this.lastUse = this.lastReport = now();
    this.warned = false;
    this.left = false;
  }

  used() {
    if (this.warned) return;
    this.lastUse = this.now();
    if (this.lastUse - this.lastReport >= REPORT_EVERY) this.report();
  }

  stayed() {
    this.warned = false;
    this.lastUse = this.now();
    this.warn(null);
    this.report();
  }

  elsewhere() {
    this.warned = false;
    this.lastUse = this.lastReport = this.now();
    this.warn(null);
  }

  report() {
    this.lastReport = this.now();
    this.stay();
  }

  tick() {
    if (this.left) return;
    const rest = this.limit - (this.now() - this.lastUse);
    if (rest <= 0) {
      this.left = true;
      this.leave();
    } else if (rest <= this.warning) {
      this.warned = true;
      this.warn(Math.ceil(rest / 1000));
    } else if (this.now() - this.lastUse > 5000 && this.lastReport < this.lastUse) {
      this.report();
    }
  }
}

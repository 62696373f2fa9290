/** How far the log of one conversation has been taken in. */
export class Progress {
  /** The number of the last event taken in. */
  last = 0;
  /** The number of the last event that the present stream has brought, or begins after. */
  stream = 0;
  /** The last event when the present stream began: up to it events are history. */
  target = 0;
  /** How often in a row the next event was missing. */
  gaps = 0;

  /** Judges the event with a number, and counts it. */
  take(sequence: number): "fresh" | "duplicate" | "missing" {
    if (sequence > 0 && sequence <= this.last) {
      this.stream = Math.max(this.stream, sequence);
      return "duplicate";
    }
    if (sequence !== this.last + 1) {
      this.gaps++;
      return "missing";
    }
    this.last = this.stream = sequence;
    this.gaps = 0;
    return "fresh";
  }

  /** Whether all history has been taken in. */
  get caughtUp(): boolean {
    return this.last >= this.target;
  }
}

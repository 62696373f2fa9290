import { signal } from "@preact/signals";

const key = "kupla:sound";

/** What a sound tells. */
export type Cue = "soon" | "joined" | "message";

// Each cue is a few soft notes: frequencies in hertz.
const notes: Record<Cue, readonly number[]> = {
  soon: [523.25, 659.25],
  joined: [523.25, 659.25, 783.99],
  message: [659.25],
};

function storage(): Storage | undefined {
  try {
    return window.localStorage;
  } catch {
    return undefined;
  }
}

const on = signal(false);

/** Whether the resident turned sounds on. Off at first: nobody is startled who did not ask for it. */
export const soundsOn = {
  get value(): boolean {
    return on.value;
  },
};

let context: AudioContext | undefined;
let started = false;

/** Turns sounds on or off, and remembers it. Call it from a press: browsers allow sound only then. */
export function turnSounds(turnOn: boolean): void {
  on.value = turnOn;
  if (turnOn) storage()?.setItem(key, "on");
  else storage()?.removeItem(key);
  if (turnOn) {
    wake();
    play("soon");
  }
}

/** Reads what was remembered. Sound is allowed again from the next press or key on, wherever it is. */
export function startSounds(): void {
  if (started) return;
  started = true;
  on.value = storage()?.getItem(key) === "on";
  if (!on.value) return;
  const wakeOnce = () => {
    wake();
    for (const type of ["pointerdown", "keydown"]) window.removeEventListener(type, wakeOnce);
  };
  for (const type of ["pointerdown", "keydown"]) window.addEventListener(type, wakeOnce);
}

/** Plays a sound, when the resident wants them. */
export function playCue(cue: Cue): void {
  if (on.peek()) play(cue);
}

function wake(): void {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
}

function play(cue: Cue): void {
  if (context === undefined) return;
  const begin = context.currentTime + 0.02;
  notes[cue].forEach((frequency, index) => {
    if (context === undefined) return;
    const at = begin + index * 0.18;
    const oscillator = context.createOscillator();
    const gain = context.createGain();
    oscillator.frequency.value = frequency;
    // Comes and goes softly: a note that is cut off clicks.
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.2, at + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, at + 0.5);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(at);
    oscillator.stop(at + 0.55);
  });
}

import type { KeyValueStorage } from "./types.js";

/**
 * Keeps values under a prefix. Where the browser refuses, as with blocked cookies or a full disk, it goes on in
 * memory: what was kept until then stays readable, and nothing survives a reload from then on.
 */
export class SafeStorage {
  #storage: KeyValueStorage | undefined;
  #memory = new Map<string, string>();
  readonly #prefix: string;

  constructor(storage: KeyValueStorage | undefined, prefix: string) {
    this.#prefix = `${prefix}.`;
    try {
      // The very access to localStorage may throw.
      this.#storage = storage ?? globalThis.localStorage;
      const probe = `${this.#prefix}probe`;
      this.#storage.setItem(probe, "1");
      this.#storage.removeItem(probe);
    } catch {
      this.#degrade();
    }
  }

  get mode(): "persistent" | "memory" {
    return this.#storage === undefined ? "memory" : "persistent";
  }

  get<T>(key: string): T | undefined {
    let text: string | null | undefined;
    if (this.#storage !== undefined) {
      try {
        text = this.#storage.getItem(this.#prefix + key);
      } catch {
        this.#degrade();
      }
    }
    text ??= this.#memory.get(key);
    if (text === undefined || text === null) return undefined;
    try {
      return (JSON.parse(text) as T | null) ?? undefined;
    } catch {
      return undefined; // not written by us
    }
  }

  set(key: string, value: unknown): void {
    const text = JSON.stringify(value);
    if (this.#storage !== undefined) {
      try {
        this.#storage.setItem(this.#prefix + key, text);
        return;
      } catch {
        this.#degrade();
      }
    }
    this.#memory.set(key, text);
  }

  remove(key: string): void {
    this.#memory.delete(key);
    try {
      (this.#storage ?? this.#abandoned)?.removeItem(this.#prefix + key);
    } catch {
      this.#degrade();
    }
  }

  /** The keys that begin with a text. */
  keys(beginning: string): string[] {
    if (this.#storage !== undefined) {
      try {
        return namesIn(this.#storage, this.#prefix).filter((key) => key.startsWith(beginning));
      } catch {
        this.#degrade();
      }
    }
    return [...this.#memory.keys()].filter((key) => key.startsWith(beginning));
  }

  /** A storage that takes nothing more, but from which things can still be removed. */
  #abandoned: KeyValueStorage | undefined;

  #degrade(): void {
    const storage = this.#storage;
    if (storage === undefined) return;
    this.#storage = undefined;
    this.#abandoned = storage;
    try {
      for (const key of namesIn(storage, this.#prefix)) {
        const text = storage.getItem(this.#prefix + key);
        if (text !== null) this.#memory.set(key, text);
      }
    } catch {
      // Not even readable: there is nothing to take over.
    }
  }
}

function namesIn(storage: KeyValueStorage, prefix: string): string[] {
  const names: string[] = [];
  for (let i = 0; i < storage.length; i++) {
    const name = storage.key(i);
    if (name?.startsWith(prefix)) names.push(name.slice(prefix.length));
  }
  return names;
}

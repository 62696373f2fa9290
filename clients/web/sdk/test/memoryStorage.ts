import type { KeyValueStorage } from "../src/index.js";

/** What a browser keeps, for as long as the test. Given to two Kuplas it is two tabs, or a page before and after a reload. */
export class MemoryStorage implements KeyValueStorage {
  readonly items = new Map<string, string>();

  get length(): number {
    return this.items.size;
  }

  key(index: number): string | null {
    return [...this.items.keys()][index] ?? null;
  }

  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }

  removeItem(key: string): void {
    this.items.delete(key);
  }
}

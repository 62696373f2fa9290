import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { LoadingScreen } from "./ShellScreens.js";

/** How long to wait before a chunk is asked for again, in milliseconds. */
const retryMs = 3000;

/** A screen that comes in a chunk of its own. */
export interface Later<Props> {
  /** Begins to load it, once. */
  readonly load: () => void;
  /** Shows it, and "one moment" until it is there. */
  readonly Screen: ComponentType<Props>;
}

/** Makes a screen that is loaded when asked for. It is asked for until it comes: the network may just be away. */
export function later<Props extends object>(fetchScreen: () => Promise<ComponentType<Props>>): Later<Props> {
  // In an object: a signal would be free to call a component that is its value.
  const loaded = signal<{ readonly component: ComponentType<Props> } | undefined>(undefined);
  let loading = false;
  const load = () => {
    if (loading || loaded.peek() !== undefined) return;
    loading = true;
    fetchScreen().then(
      (component) => {
        loaded.value = { component };
      },
      () => {
        setTimeout(() => {
          loading = false;
          load();
        }, retryMs);
      },
    );
  };
  const Screen = (props: Props) => {
    useEffect(load, []);
    const Component = loaded.value?.component;
    return Component === undefined ? <LoadingScreen /> : <Component {...props} />;
  };
  return { load, Screen };
}

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Session } from "./session.js";

/** Hands the session to every component. */
export const SessionContext = createContext<Session | undefined>(undefined);

/** The session of the page. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === undefined) throw new Error("useSession outside of SessionContext");
  return session;
}

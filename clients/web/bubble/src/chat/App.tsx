import type { JSX } from "preact";
import { Announcer } from "./app/announcer.js";
import { SessionContext } from "./app/context.js";
import { GoneScreen, LoadingScreen, ProblemScreen, StorageBlockedScreen } from "./app/ShellScreens.js";
import { Header } from "./app/Header.js";
import { later } from "./app/later.js";
import type { Session } from "./app/session.js";
import { loadConversationTexts, t } from "./i18n/i18n.js";
import { QueueScreen } from "./start/QueueScreen.js";
import { QueuesScreen } from "./start/QueuesScreen.js";

// What the first screens do not need is loaded right after them, well before it is.
const ConversationScreen = later(async () => {
  const [{ ConversationScreen }] = await Promise.all([import("./app/ConversationScreen.js"), loadConversationTexts()]);
  return ConversationScreen;
});
const EndedScreen = later(async () => {
  const [{ EndedScreen }] = await Promise.all([import("./ended/EndedScreen.js"), loadConversationTexts()]);
  return EndedScreen;
});

/** Loads the screens of the conversation, so that they are there when the network is not. */
export function loadScreens(): void {
  ConversationScreen.load();
  EndedScreen.load();
}

/** The whole page. */
export function App({ session }: { session: Session }) {
  return (
    <SessionContext.Provider value={session}>
      <div class="shell">
        <a class="skip" href="#main">
          {t("common:skip")}
        </a>
        <Header />
        <CurrentScreen session={session} />
        <Announcer />
      </div>
    </SessionContext.Provider>
  );
}

function CurrentScreen({ session }: { session: Session }): JSX.Element {
  const screen = session.screen.value;
  const chat = session.chat.value;
  switch (screen.name) {
    case "loading":
      return <LoadingScreen key="loading" />;
    case "storageBlocked":
      return <StorageBlockedScreen key="storageBlocked" />;
    case "unreachable":
    case "failed":
    case "elsewhere":
      return <ProblemScreen key={screen.name} problem={screen.name} />;
    case "gone":
      return <GoneScreen key="gone" />;
    case "queues":
      return <QueuesScreen key="queues" missing={screen.missing} />;
    case "queue":
      return <QueueScreen key={`queue:${screen.queueId}`} queueId={screen.queueId} />;
    case "conversation":
      // A conversation is only on the screen while there is one: screenOf reads it from there.
      return chat === undefined ? (
        <LoadingScreen />
      ) : (
        <ConversationScreen.Screen key={chat.conversation.id} chat={chat} part={screen.part} />
      );
    case "ended":
      return chat === undefined ? (
        <LoadingScreen />
      ) : (
        <EndedScreen.Screen
          key={`ended:${chat.conversation.id}`}
          chat={chat}
          onStartAgain={(queueId?: string) => session.startAgain(queueId)}
          onClose={session.host.embedded ? () => session.closePanel() : undefined}
        />
      );
  }
}

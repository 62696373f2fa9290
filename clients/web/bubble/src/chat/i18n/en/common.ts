import type { common as finnish } from "../fi/common.js";
import type { Translated } from "../texts.js";

/** Texts of the whole page. */
export const common: Translated<typeof finnish> = {
  chat: "Chat",
  pageTitle: "{{screen}} – chat",
  skip: "Skip to the content",
  back: "Back",
  backToQueues: "All queues",
  cancel: "Cancel",
  close: "Close",
  closeChat: "Close the chat",
  minimise: "Minimise the chat",
  retry: "Try again",
  retryNow: "Try now",
  busy: "One moment…",

  languageChoice: "Language",
  languageName: { fi: "Suomi", sv: "Svenska", en: "English" },
  languageIn: { fi: "Finnish", sv: "Swedish", en: "English" },
  languageFailed: "The language could not be changed because there is no connection. Try again in a moment.",

  time: {
    today: "at\u00a0{{time}}",
    untilToday: "{{time}}",
    tomorrow: "tomorrow at\u00a0{{time}}",
    otherDay: "{{day}} at\u00a0{{time}}",
  },
  minutes_one: "one minute",
  minutes_other: "{{count}}\u00a0minutes",
  seconds_one: "one second",
  seconds_other: "{{count}}\u00a0seconds",
  inMinutes_one: "in one minute",
  inMinutes_other: "in {{count}}\u00a0minutes",
  inSeconds_one: "in one second",
  inSeconds_other: "in {{count}}\u00a0seconds",

  loading: { title: "Opening the chat", text: "Opening the chat…" },
  unreachable: {
    title: "The service cannot be reached",
    text: "Check your internet connection. We keep trying all the time.",
    offline: "Your device is offline. We go on as soon as the connection is back.",
  },
  interrupted: {
    title: "The service has a technical problem",
    text: "We keep trying all the time. You do not need to do anything.",
  },
  storageBlocked: {
    title: "Open the chat on a page of its own",
    text: "The settings of your browser keep the chat from working on this page, so it opens on a page of its own.",
    link: "Open the chat",
  },
  memoryOnly:
    "Your browser does not allow anything to be saved. Do not reload or close this page during the chat, or your place and your chat will be lost.",
  gone: {
    title: "This chat can no longer be opened",
    text: "A chat can be opened for one day after it has ended. That time has passed.",
    startAgain: "Start a new chat",
  },
  elsewhere: {
    title: "The chat is open somewhere else",
    text: "The same chat is open in too many windows, so it was closed here. Your place and your chat are safe.",
    action: "Continue here",
  },
  failed: {
    title: "The chat could not be opened",
    text: "Something went wrong. Your chat is safe. Try again in a moment.",
  },

  connection: {
    lostWaiting: "The connection was lost. You keep your place.",
    lostTalk: "The connection was lost. Your chat is safe.",
    offlineWaiting: "Your device is offline. You keep your place.",
    offlineTalk: "Your device is offline. Your chat is safe.",
    retrying: "We keep trying all the time. What you write now is sent when the connection is back.",
    whenOnline: "We go on as soon as the connection is back. What you write now is sent then.",
    back: "The connection is back.",
    interruptedWaiting: "The service has a technical problem. You keep your place.",
    interruptedTalk: "The service has a technical problem. Your chat is safe.",
    mayBeOld:
      "You do not need to do anything. What you see of your place and your wait may be old. What you write now is sent when the service works again.",
    messagesWait: "You do not need to do anything. Your messages are sent when the service works again.",
    over: "The service works again.",
  },

  leave: {
    waitingTitle: "Do you want to leave the queue?",
    waitingText: "You lose your place. If you come back later, you start at the end of the queue.",
    waitingStay: "Keep waiting",
    waitingLeave: "Leave the queue",
    talkTitle: "Do you want to end the chat?",
    talkText: "The chat ends for the professional too. After that you can save a copy of it.",
    talkStay: "Continue the chat",
    talkLeave: "End the chat",
    failed: "Leaving did not work.",
  },
};

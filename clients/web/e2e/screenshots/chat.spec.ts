import { test } from "../harness/test.ts";
import { type Look, morning, walk } from "../harness/walk.ts";
import { picture } from "./picture.ts";

/** The states that are shown of every look; of the first look all are. */
const main = ["queues", "start", "waiting", "talk", "ended", "survey"];

const looks: (Look & { states?: string[]; dark: string[] })[] = [
  {
    device: "phone",
    language: "fi",
    theme: "default",
    dark: [...main, "waiting-leave", "talk-code", "talk-lost"],
  },
  {
    device: "phone",
    language: "fi",
    theme: "harbour",
    states: [...main, "talk-code"],
    dark: ["start", "waiting", "talk"],
  },
  { device: "phone", language: "sv", theme: "default", states: main, dark: [] },
  { device: "phone", language: "en", theme: "default", states: main, dark: [] },
  { device: "desktop", language: "fi", theme: "default", states: [...main, "talk-leave"], dark: [] },
];

test.use({ time: morning });

for (const { states, dark, ...look } of looks) {
  test(`the chat on a ${look.device}, in ${look.language}, in the theme ${look.theme}`, async ({
    server,
    network,
    stage,
    nurse,
    admin,
    supervisor,
    resident,
    guard,
  }) => {
    test.setTimeout(240_000);
    const world = { server, network, stage, nurse, admin, supervisor, resident, guard };
    const theme = look.theme === "default" ? "" : `-${look.theme}`;
    await walk(world, look, async (state, who) => {
      const name = `chat-${state}-${look.language}-${look.device}${theme}`;
      if (states === undefined || states.includes(state)) await picture(who.page, name);
      if (!dark.includes(state)) return;
      await who.page.emulateMedia({ colorScheme: "dark" });
      await picture(who.page, `${name}-dark`);
      await who.page.emulateMedia({ colorScheme: "light" });
    });
  });
}

import { expect, queue, test } from "../harness/test.ts";
import { morning } from "../harness/walk.ts";
import { picture } from "./picture.ts";

test.use({ time: morning });

test("the bubble on the county's page", async ({ server, nurse, resident }) => {
  const offset = server.now.getTime() - Date.now();
  for (const device of ["desktop", "phone"] as const) {
    for (const colorScheme of ["light", "dark"] as const) {
      const suffix = `${device}${colorScheme === "dark" ? "-dark" : ""}`;
      const aino = await resident({ device, offset, colorScheme });
      await aino.visit(server.origin);
      await picture(aino.page, `county-bubble-${suffix}`);
      await aino.openBubble();
      await expect(aino.heading("Mistä haluat keskustella?")).toBeVisible();
      await picture(aino.page, `county-panel-${suffix}`);
      if (colorScheme === "dark") continue;
      await aino.choose(queue.fi);
      await aino.start({ name: "Aino", message: "Hei! Punkki puri eilen illalla jalkaan." });
      const talk = await nurse.takeNext();
      await talk.send("Hei Aino! Onko ihossa näkyvissä punaista läiskää?");
      await aino.sees("Hei Aino! Onko ihossa näkyvissä punaista läiskää?");
      await picture(aino.page, `county-talk-${suffix}`);
      await aino.press(aino.button(aino.words.common.minimise));
      await talk.send("Voit vastata rauhassa, olen täällä.");
      await talk.send("Jos olosi huononee, soita 116117.");
      await expect.poll(async () => (await aino.bubble()).name).toContain("2 lukematonta viestiä");
      await picture(aino.page, `county-unread-${suffix}`);
      await talk.close();
    }
  }
});

import { axeViolations } from "../harness/axe.ts";
import { ordinaryPage } from "../harness/hostSite.ts";
import { expect, test } from "../harness/test.ts";
import { morning, walk } from "../harness/walk.ts";

test.describe("axe finds nothing to object to", () => {
  for (const theme of ["default", "harbour"] as const) {
    test.describe(`in the theme ${theme}`, () => {
      test.use({ time: morning });

      test("on any screen, in the light and in the dark", async ({
        server,
        network,
        stage,
        nurse,
        admin,
        supervisor,
        resident,
        guard,
      }) => {
        test.setTimeout(300_000);
        const found: string[] = [];
        const states: string[] = [];
        const world = { server, network, stage, nurse, admin, supervisor, resident, guard };
        await walk(world, { device: "phone", language: "fi", theme }, async (state, who) => {
          states.push(state);
          for (const line of await axeViolations(who.chat)) found.push(`${state}: ${line}`);
          await who.page.emulateMedia({ colorScheme: "dark" });
          for (const line of await axeViolations(who.chat, "colours")) found.push(`${state}, dark: ${line}`);
          await who.page.emulateMedia({ colorScheme: "light" });
        });
        expect(found).toEqual([]);
        expect(states.length).toBeGreaterThanOrEqual(22);
      });
    });
  }

  test("on the page around, with the bubble and with the open panel", async ({ server, host, resident }) => {
    const found: string[] = [];
    for (const device of ["desktop", "phone"] as const) {
      for (const [what, url] of [
        ["the county's page", server.origin],
        ["another site", host.add("/", ordinaryPage(server.origin))],
      ] as const) {
        const who = await resident({ device, reducedMotion: "reduce" });
        // Only here the tree of the bubble is open, so that axe can look into it.
        await who.context.addInitScript(() => {
          const { attachShadow } = Element.prototype;
          Element.prototype.attachShadow = function (options) {
            return attachShadow.call(this, { ...options, mode: "open" });
          };
        });
        await who.visit(url);
        for (const state of ["bubble", "panel"]) {
          if (state === "panel") {
            await who.openBubble();
            await expect(who.chat.locator("#main")).toBeVisible();
          }
          for (const colorScheme of ["light", "dark"] as const) {
            await who.page.emulateMedia({ colorScheme });
            for (const line of await axeViolations(who.page.mainFrame())) {
              found.push(`${what} on a ${device}, ${state}, ${colorScheme}: ${line}`);
            }
          }
        }
      }
    }
    expect(found).toEqual([]);
  });
});

import { announcements } from "../harness/announcements.ts";
import { expect, queue, test } from "../harness/test.ts";

test("a screen reader is told each step of the wait, and none of them twice", async ({ stage, nurse, resident }) => {
  const [first] = await stage.arrive(queue.id, { count: 2 });
  const anna = await resident();
  await anna.wait(queue.id);
  const said = () => announcements(anna.chat);
  const nurseName = "Sairaanhoitaja Kaisa Kuvitteellinen";

  await expect.poll(said).toContainEqual(expect.stringContaining("Olet jonossa sijalla 3"));
  await stage.leave(first as string);
  await expect.poll(said).toContainEqual(expect.stringContaining("Olet jonossa sijalla 2"));
  await (await nurse.takeNext()).close();
  await expect.poll(said).toContainEqual(expect.stringContaining("Olet seuraavana vuorossa"));
  const talk = await nurse.takeNext();
  await expect.poll(said).toContainEqual(expect.stringContaining(nurseName));
  await talk.type();
  await talk.send("Hei! Miten voin auttaa?");
  await expect.poll(said).toContainEqual(`${nurseName}: Hei! Miten voin auttaa?`);
  await talk.close();
  await expect.poll(said).toContainEqual(expect.stringContaining("Asiasi on hoidettu."));

  // The whole of it, in order: nothing is said twice, and nothing that was not asked for.
  // Why the wait cannot be told is told once. A page that takes long to open says so first.
  const heard = await said();
  expect(heard.slice(heard[0] === "Avataan chattia…" ? 1 : 0)).toEqual([
    "Siirrytään jonoon…",
    "Olet jonossa sijalla 3. Odotusaikaa ei voi vielä arvioida: keskusteluja on ollut liian vähän.",
    "Vuorosi tulee pian. Pysy lähellä. Olet jonossa sijalla 2.",
    "Vuorosi tulee pian. Pysy lähellä. Olet seuraavana vuorossa.",
    `${nurseName} tuli keskusteluun. Nyt voitte keskustella.`,
    `${nurseName}: Hei! Miten voin auttaa?`,
    "Keskustelu on päättynyt. Asiasi on hoidettu.",
  ]);
});

/** How many characters a message may have. */
export const messageLimit = 4000;

/** From how many characters left on the count is shown. */
export const countFrom = 500;

/** Counts characters as the service does: code points, not the units that a string is made of. */
export function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) {
    count++;
  }
  return count;
}

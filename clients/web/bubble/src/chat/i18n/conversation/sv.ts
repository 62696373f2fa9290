import { ended } from "../sv/ended.js";
import { talk } from "../sv/talk.js";
import { waiting } from "../sv/waiting.js";

/** The texts of the wait, the talk and its end. */
export default { ended, talk, waiting };

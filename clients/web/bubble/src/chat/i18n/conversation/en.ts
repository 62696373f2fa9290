import { ended } from "../en/ended.js";
import { talk } from "../en/talk.js";
import { waiting } from "../en/waiting.js";

/** The texts of the wait, the talk and its end. */
export default { ended, talk, waiting };

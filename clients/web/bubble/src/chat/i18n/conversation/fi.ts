import { ended } from "../fi/ended.js";
import { talk } from "../fi/talk.js";
import { waiting } from "../fi/waiting.js";

/** The texts of the wait, the talk and its end. */
export default { ended, talk, waiting };

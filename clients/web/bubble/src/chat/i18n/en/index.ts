import { common } from "./common.js";
import { errors } from "./errors.js";
import { start } from "./start.js";

/** The texts of the first screens. */
export default { common, errors, start };

export { createKupla } from "./kupla.js";
export { containsIdentityCode, findIdentityCode, type TextSpan } from "./identityCode.js";
export { KuplaError } from "./kuplaError.js";
export type * from "./types.js";

/**
 * What there may be to do after a command beside its handler: bits of `ServerContext.interest`, so that one comparison tells that
 * there is nothing.
 */

/** Some client monitors … */
export const INTEREST_MONITORS = 1;
/** … the command that runs has blocked its client … */
export const INTEREST_BLOCKED = 2;
/** … keys changed that clients wait for. */
export const INTEREST_READY = 4;
/** … messages wait for the client whose command runs, until it is answered. */
export const INTEREST_PUSHES = 8;
/** … some client tracks keys. */
export const INTEREST_TRACKING = 16;

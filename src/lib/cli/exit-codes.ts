/**
 * What a script learns from the exit status of any command. `130` is 128 + SIGINT, as shells have it.
 */
export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
/** The tool found what it looks for: a conflict, a difference. */
export const EXIT_DIFFERENCE = 3;
export const EXIT_NO_PRIVILEGE = 4;
export const EXIT_THRESHOLD_MISSED = 5;
export const EXIT_INTERRUPTED = 130;

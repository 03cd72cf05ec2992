/** The version of Redis whose behaviour clients may expect. */
export const REDIS_VERSION = '7.2.4';

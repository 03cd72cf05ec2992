/**
 * The type codes of values in RDB files and DUMP payloads, and the versions that can be written. A value has the same bytes in
 * both; a code is never given another meaning.
 */
export const RDB_STRING = 0;
export const RDB_LIST = 1;
export const RDB_SET = 2;
/** Scores as text. */
export const RDB_ZSET = 3;
export const RDB_HASH = 4;
/** Scores as binary doubles. */
export const RDB_ZSET_2 = 5;
export const RDB_HASH_ZIPMAP = 9;
export const RDB_LIST_ZIPLIST = 10;
export const RDB_SET_INTSET = 11;
export const RDB_ZSET_ZIPLIST = 12;
export const RDB_HASH_ZIPLIST = 13;
export const RDB_LIST_QUICKLIST = 14;
export const RDB_STREAM_LISTPACKS = 15;
export const RDB_HASH_LISTPACK = 16;
export const RDB_ZSET_LISTPACK = 17;
export const RDB_LIST_QUICKLIST_2 = 18;
export const RDB_STREAM_LISTPACKS_2 = 19;
export const RDB_SET_LISTPACK = 20;
export const RDB_STREAM_LISTPACKS_3 = 21;

/** Hashes whose fields have deadlines. */
export const RDB_HASH_METADATA = 24;
export const RDB_HASH_LISTPACK_EX = 25;

/** What redis-server 7.0 writes. */
export const VERSION_7_0 = 10;
/** What redis-server 7.2 writes. */
export const VERSION_7_2 = 11;
/** The newest that is read; written only for what older servers do not have, hash fields with deadlines. */
export const VERSION_7_4 = 12;

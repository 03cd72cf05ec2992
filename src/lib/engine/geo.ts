/**
 * The handlers of the geo commands, by name; the code is in geo/. What the names mean to clients is in table/geo.ts and
 * table/geo-radius.ts.
 */
import type { HandlerFamily } from './dispatch-table.ts';
import { geoadd, geodist, geohash, geopos } from './geo/members.ts';
import {
  georadius,
  georadiusbymember,
  georadiusbymemberRo,
  georadiusRo,
  geosearch,
  geosearchstore,
} from './geo/search.ts';

export const geoHandlers: HandlerFamily = {
  geoadd,
  geodist,
  geohash,
  geopos,
  georadius,
  georadius_ro: georadiusRo,
  georadiusbymember,
  georadiusbymember_ro: georadiusbymemberRo,
  geosearch,
  geosearchstore,
};

/** How RDB is written and read: what configuration and DEBUG say. */
import { VERSION_7_2 } from './types.ts';

export class RdbSettings {
  /** The version that DUMP writes (dump-payload-version): servers before 7.2 read 10 at most. */
  version = VERSION_7_2;
  /** rdbcompression */
  compression = true;
  /** Payloads of RESTORE must have the right checksum (DEBUG SET-SKIP-CHECKSUM-VALIDATION). */
  checksum = true;
}

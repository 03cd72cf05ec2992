/**
 * The one place that knows koffi: finds librtcp.so, loads it once for each thread, and turns a C prototype into a function.
 * Numbers go in and come out; packet memory's address is a plain number too (below 2^47, so exact), which costs a call
 * about 9 ns where a BigInt made on the way would cost an allocation. Measured on Node 24: 20 ns for a call with one
 * integer, 29 with address and integer, 48 with six arguments, 38 with a typed array.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';

/** The native library is missing or does not load. The message names the mend. */
export class NativeLibraryError extends Error {
  override readonly name = 'NativeLibraryError';
}

type Library = ReturnType<typeof koffi.load>;

let loaded: Library | null = null;

/** Where the library is looked for, in order: `RTCP_NATIVE_LIB`, built here, prebuilt for this machine. */
export function libraryCandidates(): string[] {
  if (process.env.RTCP_NATIVE_LIB) return [process.env.RTCP_NATIVE_LIB];
  // src/lib/native and dist/lib/native are equally deep.
  const root = new URL('../../../', import.meta.url);
  return [
    fileURLToPath(new URL('native/build/librtcp.so', root)),
    fileURLToPath(new URL(`prebuilt/linux-${process.arch}/librtcp.so`, root)),
  ];
}

function load(): Library {
  const candidates = libraryCandidates();
  const path = candidates.find((candidate) => existsSync(candidate));
  if (path === undefined) {
    const mend = process.env.RTCP_NATIVE_LIB
      ? 'RTCP_NATIVE_LIB names a file that does not exist'
      : `build it with 'npm run build:native' (needs gcc: apt-get install gcc libc6-dev)`;
    throw new NativeLibraryError(`the native library was not found (${candidates.join(', ')}): ${mend}`);
  }
  try {
    return koffi.load(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new NativeLibraryError(`${path} does not load (${reason}): build it here with 'npm run build:native'`, {
      cause: error,
    });
  }
}

/**
 * The C function of a prototype, with the type that the caller states. `uint64_t base` takes packet memory's address as a
 * number; `int32_t *` and `void *` take typed arrays, written in place.
 */
export function native<F extends (...args: never[]) => unknown>(prototype: string): F {
  loaded ??= load();
  return loaded.func(prototype) as unknown as F;
}

/** Makes a table of native functions when it is first asked for, so that importing a module needs no library. */
export function onFirstUse<T>(make: () => T): () => T {
  let table: T | undefined;
  return () => (table ??= make());
}

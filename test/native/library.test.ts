/** The native boundary: prototypes that agree with the header, a library for machines without a compiler, clear refusals. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'rtcp-native-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** `uint8_t *base` is an address that we pass as a number; other pointers are arrays or strings. */
function kindOf(parameter: string): string {
  if (/uint8_t \*base/.test(parameter) || /uint64_t base/.test(parameter)) return 'address';
  if (/const char \*/.test(parameter)) return 'string';
  const pointer = /(\w+) \*/.exec(parameter);
  if (pointer) return `${pointer[1]}*`;
  return /^int(32_t)? /.test(parameter) ? 'int' : `unknown ${parameter}`;
}

/** Name → result type and kinds of parameters, of every C prototype in a text. */
function prototypes(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, type, name, list] of text.matchAll(/\b(int|double|uint64_t) (rtcp_\w+)\(([^)]*)\)/g)) {
    const parameters = list.split(',').map((parameter) => parameter.trim().replace(/\s+/g, ' '));
    const kinds = parameters.filter((parameter) => parameter !== '' && parameter !== 'void').map(kindOf);
    found.set(name, `${type} (${kinds.join(', ')})`);
  }
  return found;
}

const header = prototypes(readFileSync(join(root, 'native/rtcp.h'), 'utf8'));

test('every prototype that TypeScript binds is the one of the header', () => {
  const folder = join(root, 'src/lib/native');
  const bound = prototypes(
    readdirSync(folder)
      .map((file) => readFileSync(join(folder, file), 'utf8'))
      .join('\n'),
  );
  expect(bound.size).toBeGreaterThan(40);
  for (const [name, shape] of bound) expect(`${name}: ${shape}`).toBe(`${name}: ${header.get(name)}`);
});

test('only src/lib/native/library.ts imports koffi', () => {
  const files = execFileSync('grep', ['-rlE', `from 'koffi'`, join(root, 'src')], { encoding: 'utf8' });
  expect(files.trim().split('\n')).toEqual([join(root, 'src/lib/native/library.ts')]);
});

test('the prebuilt library for this machine has every function of the header', () => {
  const prebuilt = join(root, `prebuilt/linux-${process.arch}/librtcp.so`);
  expect(existsSync(prebuilt)).toBe(true);
  const text = readFileSync(prebuilt, 'latin1');
  const missing = [...header.keys()].filter((name) => !text.includes(`\0${name}\0`));
  expect(missing).toEqual([]);
});

describe('a library that can not be loaded is one clear line', () => {
  /** What createEventfd() says in a process with this RTCP_NATIVE_LIB. */
  function attempt(library: string): string {
    const module = new URL('../../src/lib/native/wait.ts', import.meta.url).href;
    const script = `import { createEventfd } from '${module}';
      try { console.log('descriptor', createEventfd() > 2); } catch (error) { console.log(error.name, error.message); }`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, RTCP_NATIVE_LIB: library },
      encoding: 'utf8',
    });
    return stdout.trim();
  }

  test('that is not there', () => {
    expect(attempt('/nowhere/librtcp.so')).toBe(
      'NativeLibraryError the native library was not found (/nowhere/librtcp.so): RTCP_NATIVE_LIB names a file that does not exist',
    );
  });

  test('that is no library', () => {
    const file = join(scratch, 'text.so');
    writeFileSync(file, 'not a library');
    const said = attempt(file);
    expect(said).toMatch(/^NativeLibraryError .*text\.so does not load .*build it here with 'npm run build:native'$/);
    expect(said.split('\n').length).toBe(1);
  });

  test('the prebuilt one works', () => {
    expect(attempt(join(root, `prebuilt/linux-${process.arch}/librtcp.so`))).toBe('descriptor true');
  });
});

describe('scripts/build-native.sh', () => {
  /** A copy of what the script needs, and a PATH with the tools that it uses but no compiler. */
  function checkout(name: string, prebuilt: boolean): { folder: string; path: string } {
    const folder = join(scratch, name);
    for (const part of prebuilt ? ['native', 'scripts', 'prebuilt'] : ['native', 'scripts']) {
      cpSync(join(root, part), join(folder, part), { recursive: true });
    }
    rmSync(join(folder, 'native/build'), { recursive: true, force: true });
    const path = join(folder, 'bin');
    mkdirSync(path);
    for (const tool of ['sh', 'dirname', 'readlink', 'uname', 'find', 'mkdir', 'mv', 'rm']) {
      symlinkSync(execFileSync('which', [tool], { encoding: 'utf8' }).trim(), join(path, tool));
    }
    return { folder, path };
  }

  const build = (folder: string, path: string): { status: number | null; stderr: string } =>
    spawnSync('/bin/sh', ['scripts/build-native.sh'], { cwd: folder, env: { PATH: path }, encoding: 'utf8' });

  test('without a compiler it takes the prebuilt library', () => {
    const { folder, path } = checkout('no-compiler', true);
    const { status, stderr } = build(folder, path);
    expect(stderr).toContain(`no C compiler found, using prebuilt/linux-${process.arch}/librtcp.so`);
    expect(status).toBe(0);
  });

  test('without both it says what to install', () => {
    const { folder, path } = checkout('nothing', false);
    const { status, stderr } = build(folder, path);
    expect(stderr).toMatch(/no C compiler and no prebuilt library.*apt-get install gcc libc6-dev/);
    expect(status).toBe(1);
  });

  test('it builds once, and again only when a source is newer', () => {
    const { folder } = checkout('build', false);
    const library = join(folder, 'native/build/librtcp.so');
    expect(build(folder, process.env.PATH ?? '').status).toBe(0);
    const first = readFileSync(library);
    expect(first.includes(Buffer.from('\0rtcp_wait\0'))).toBe(true);
    writeFileSync(library, 'kept');
    expect(build(folder, process.env.PATH ?? '').status).toBe(0);
    expect(readFileSync(library, 'utf8')).toBe('kept');
    execFileSync('touch', ['-d', '+1 minute', join(folder, 'native/tap.c')]);
    expect(build(folder, process.env.PATH ?? '').status).toBe(0);
    expect(readFileSync(library).equals(first)).toBe(true);
  });

  test('a source that does not compile falls back to the prebuilt library', () => {
    const { folder } = checkout('broken', true);
    writeFileSync(join(folder, 'native/tap.c'), 'this is not C');
    const { status, stderr } = build(folder, process.env.PATH ?? '');
    expect(stderr).toContain('using prebuilt/');
    expect(status).toBe(0);
    expect(existsSync(join(folder, 'native/build/librtcp.so'))).toBe(false);
  });
});

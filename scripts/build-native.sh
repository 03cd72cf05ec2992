#!/bin/sh
# Builds native/build/librtcp.so from native/*.c when a C compiler is there and a source is newer than the library.
# Without a compiler the library of prebuilt/linux-<arch>/ is used; RTCP_NATIVE_LIB overrides both at run time.
#
#   sh scripts/build-native.sh             build for this machine
#   sh scripts/build-native.sh --prebuilt  build for prebuilt/linux-<arch>/ instead (CC and ARCH choose a cross compiler)
set -eu
root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
cd "$root"
case "${ARCH:-$(uname -m)}" in
  x86_64 | x64) arch=x64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) arch=$(uname -m) ;;
esac
prebuilt=prebuilt/linux-$arch/librtcp.so
library=native/build/librtcp.so
if [ "${1:-}" = --prebuilt ]; then library=$prebuilt; fi

compiler=${CC:-}
if [ -z "$compiler" ]; then
  for candidate in cc gcc clang; do
    if command -v "$candidate" >/dev/null 2>&1; then
      compiler=$candidate
      break
    fi
  done
fi
if [ -z "$compiler" ]; then
  if [ -f "$prebuilt" ]; then
    echo "rtcp: no C compiler found, using $prebuilt" >&2
    exit 0
  fi
  echo "rtcp: no C compiler and no prebuilt library for linux-$arch: install one (apt-get install gcc libc6-dev), then run 'npm run build:native'" >&2
  exit 1
fi

if [ -f "$library" ] && [ -z "$(find native/*.c native/rtcp.h scripts/build-native.sh -newer "$library")" ]; then exit 0; fi
mkdir -p "$(dirname -- "$library")"
# Into a new file, then renamed: a running process keeps the library that it has mapped.
if ! "$compiler" -O2 -shared -fPIC -fvisibility=hidden -Wall -Wextra -s -o "$library.$$" native/*.c; then
  rm -f "$library.$$"
  if [ "$library" != "$prebuilt" ] && [ -f "$prebuilt" ]; then
    echo "rtcp: $compiler could not build the native library (see above), using $prebuilt" >&2
    exit 0
  fi
  echo "rtcp: $compiler could not build the native library: install the C library's and the kernel's headers (apt-get install libc6-dev linux-libc-dev)" >&2
  exit 1
fi
mv -f "$library.$$" "$library"

#!/bin/sh
# Installs what the tests need from Debian and is not there: as root, with apt-get. Otherwise says what is missing and fails.
# A redis-server that the package would start as a service is not started: the tests run their own.
set -u
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

missing=
need() { # program, package
  command -v "$1" >/dev/null 2>&1 && return
  case " $missing " in *" $2 "*) ;; *) missing="$missing $2" ;; esac
}
need redis-server redis-server
need redis-cli redis-tools
need redis-benchmark redis-tools
need ip iproute2
need ping iputils-ping
need arping arping
need tcpdump tcpdump
need tshark tshark
need mergecap wireshark-common
need python3 python3
need ethtool ethtool
need chromium chromium
# Debian's own Python has Debian's modules; another one that comes first in PATH does not.
/usr/bin/python3 -c 'import redis' 2>/dev/null || missing="$missing python3-redis"
missing=${missing# }
if [ -z "$missing" ]; then exit 0; fi

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "rtcp: the tests need these Debian packages: $missing" >&2
  echo "mend: sudo apt-get install $missing" >&2
  exit 1
fi

# invoke-rc.d asks this file whether a service may start (101: no). What was there comes back in any case.
policy=/usr/sbin/policy-rc.d
kept=
restore() {
  if [ -n "$kept" ]; then mv -f "$kept" "$policy"; else rm -f "$policy"; fi
}
if [ -e "$policy" ]; then
  kept=$policy.rtcp-$$
  mv "$policy" "$kept"
fi
trap restore EXIT
trap 'exit 130' INT TERM
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

export DEBIAN_FRONTEND=noninteractive
echo "rtcp: installing $missing" >&2
# shellcheck disable=SC2086 # a list of packages
if ! { apt-get -qq update && apt-get -qq -y --no-install-recommends install $missing; } >&2; then
  echo "rtcp: apt-get could not install $missing" >&2
  echo "mend: apt-get update && apt-get install $missing" >&2
  exit 1
fi

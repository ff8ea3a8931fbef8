#!/bin/sh
# Started by bare_debian.rs, as root, in mount and process namespaces of its own, which take all of this along when they
# end: makes a bare Debian from the machine's own package sources, and runs scripts/dev in it.
#
#   bare_debian.sh DIRECTORY QTASK TREE
#
# Prints "SKIP reason" and exits with 0 where that cannot be done here. Otherwise prints a line for each stage, and ends a
# run of scripts/dev when it reads a line.
set -eu
directory=$1 qtask=$2 tree=$3
root=$directory/root

skip() {
  echo "SKIP $*"
  exit 0
}

[ "$(sed -n 's/^ID=//p' /etc/os-release 2>/dev/null)" = debian ] || skip "this machine is not Debian"
for program in apt-get dpkg-deb perl chroot; do
  command -v $program >/dev/null || skip "this machine has no $program"
done
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
sources=/etc/apt/sources.list.d/debian.sources
[ -e $sources ] || sources=/etc/apt/sources.list
[ -e $sources ] || skip "neither /etc/apt/sources.list nor sources.list.d/debian.sources exists"
mount -t tmpfs -o size=3g,mode=755 tmpfs "$directory" || skip "a tmpfs cannot be mounted"

# The tool that makes the system is one script; it is used without being installed.
cd "$directory"
mkdir -p lists/partial cache/archives/partial
if ! apt-get -qq download mmdebstrap 2>/dev/null; then
  apt="apt-get -qq -o Dir::State::Lists=$directory/lists -o Dir::Cache=$directory/cache"
  { $apt update && $apt download mmdebstrap; } || skip "Debian's packages cannot be fetched"
fi
dpkg-deb -x mmdebstrap*.deb tool
echo "STAGE making Debian $suite"
tool/usr/bin/mmdebstrap --mode=root --variant=apt --dpkgopt=force-unsafe-io --aptopt='Acquire::Retries "3"' \
  --aptopt='Acquire::Languages "none"' "$suite" "$root" "$sources" >log 2>&1 || {
  cat log
  exit 1
}
# How this machine reaches its package sources.
apt-config dump | grep -E '^Acquire::(http|https)::' >"$root/etc/apt/apt.conf.d/98machine" || true
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mkdir -p "$root/dev/shm"
mount -t tmpfs -o size=512m,mode=1777 tmpfs "$root/dev/shm"

# What is tried is the script, not a build: cargo stands for the executable that the tests have built.
mkdir -p "$root/tree"
cp -R "$tree/scripts" "$tree/Cargo.toml" "$tree/rust-toolchain.toml" "$root/tree/"
cp "$qtask" "$root/usr/local/bin/qtask"
cat >"$root/usr/local/bin/cargo" <<'STUB'
#!/bin/sh
[ "$1" != --version ] || exec echo "cargo 1.95.0 (stand-in)"
[ "$*" = "run --release --locked -- dev --port 0" ] || { echo "cargo stand-in: unexpected: $*" >&2; exit 99; }
shift 4
exec qtask "$@"
STUB
printf '#!/bin/sh\necho "rustc 1.95.0 (stand-in)"\n' >"$root/usr/local/bin/rustc"
chmod 755 "$root/usr/local/bin/cargo" "$root/usr/local/bin/rustc"

inside="env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LOG_FORMAT=json chroot $root"

echo "STAGE qtask alone"
$inside qtask dev --port 0 2>&1 || echo "ALONE $?"
for run in first second; do
  echo "STAGE $run run"
  $inside sh -c 'cd /tmp && exec /tree/scripts/dev --port 0' 2>&1 &
  read -r _
  kill -TERM $!
  status=0
  wait $! || status=$?
  echo "ENDED $status"
done
for pid_file in "$root"/run/postgresql/*.pid; do
  [ ! -e "$pid_file" ] || echo "LEFT the package's server running"
done
[ ! -e "$root/usr/sbin/policy-rc.d" ] || echo "LEFT policy-rc.d"

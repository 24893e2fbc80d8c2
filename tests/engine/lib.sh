# shellcheck shell=bash
# The real parts behind examples/quickstart and tests/run: a Docker Engine and registries that
# belong to one run of a script. Everything of a run is under $STATE, so that stopping it needs
# no memory but that folder; nothing of the user's (engine, network, registry) is touched.
#
# To be sourced by a bash script with `set -euo pipefail`.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=$ROOT/target/engine # what may be kept between runs: the base image, the ECR emulator
STATE=                    # what may not; set by state_open
ENGINE_SOCK=              # the socket of the engine that engine_start started
SUDO=()
[[ $EUID == 0 ]] || SUDO=(sudo)

# A user's PATH lacks the folders of system programs on Debian.
export PATH=$PATH:/usr/sbin:/sbin

say() {
  local bold='' plain=''
  [[ ! -t 2 ]] || bold=$'\033[1m' plain=$'\033[0m'
  printf '\n%s== %s%s\n' "$bold" "$*" "$plain" >&2
}
note() { printf '   %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Everything here talks to the loopback interface, whatever proxy the user has.
http() { curl --noproxy '*' --silent --show-error --fail "$@"; }

# ---------------------------------------------------------------- programs

APT_UPDATED=

apt_install() { # PACKAGE…
  command -v apt-get >/dev/null || die "please install: $* (this is not Debian or Ubuntu)"
  [[ $EUID == 0 ]] || command -v sudo >/dev/null || die "please install as root: $*"
  note "installing $*"
  local policy=/usr/sbin/policy-rc.d rc=0
  # Without this Debian would start a system engine and a registry for good, only because their
  # programs were installed.
  if [[ -e $policy ]]; then
    policy=
  else
    printf '#!/bin/sh\nexit 101\n' | "${SUDO[@]}" tee "$policy" >/dev/null
    "${SUDO[@]}" chmod 755 "$policy"
  fi
  {
    [[ -n $APT_UPDATED ]] || "${SUDO[@]}" apt-get update -q &&
      "${SUDO[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "$@"
  } </dev/null >"$STATE/apt.log" 2>&1 || rc=$?
  [[ -z $policy ]] || "${SUDO[@]}" rm -f "$policy"
  APT_UPDATED=yes
  if ((rc)); then
    tail -n 20 "$STATE/apt.log" >&2
    die "apt-get could not install $*"
  fi
}

# Installs what is not there; asks apt for nothing when all is.
need() { # COMMAND=PACKAGE…
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  [[ ${#missing[@]} == 0 ]] || apt_install "${missing[@]}"
}

# Under sudo, Rust is usually that of the user behind it.
need_cargo() {
  local home
  for home in "${HOME:-/root}" "$(getent passwd "${SUDO_USER:-}" | cut -d: -f6)"; do
    command -v cargo >/dev/null && return
    [[ -x $home/.cargo/bin/cargo ]] || continue
    export PATH=$PATH:$home/.cargo/bin CARGO_HOME=${CARGO_HOME:-$home/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$home/.rustup}
  done
  command -v cargo >/dev/null || die "Rust is missing: cargo is not in PATH"
}

# ---------------------------------------------------------------- one run's state

# Not in /tmp, which is often a tmpfs: too small for images.
state_open() {
  local parent=${CACHELANG_STATE_PARENT:-/var/tmp} old
  for old in "$parent"/cachelang.*; do # of runs that were killed
    [[ -O $old && -s $old/owner && ! -d /proc/$(<"$old/owner") ]] && state_close "$old"
  done
  STATE=$(mktemp -d "$parent/cachelang.XXXXXX")
  chmod 755 "$STATE"
  echo $$ >"$STATE/owner"
  mkdir "$STATE/pids" "$STATE/tmp"
  trap 'state_close "$STATE"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# Stops and removes all that state_open's caller started. Runs on every exit.
state_close() { # DIR
  local dir=$1 file pid
  trap '' HUP INT TERM # a second Ctrl-C must not leave half of it behind
  for file in "$dir"/pids/*; do
    [[ ! -s $file ]] || stop_pid "$dir" "$(<"$file")"
  done
  # dockerd killed hard leaves its containerd and its mounts behind.
  if [[ -e $dir/bridge ]]; then
    for file in "$dir"/exec "$dir"/small/exec; do
      pid=$("${SUDO[@]}" cat "$file/containerd/containerd.pid" 2>/dev/null || true)
      [[ -z $pid ]] || stop_pid "$dir" "$pid"
    done
    awk -v d="$dir/" 'index($5, d) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
      while read -r file; do "${SUDO[@]}" umount -l "$file" || true; done
    "${SUDO[@]}" ip link delete "$(<"$dir/bridge")" 2>/dev/null || true
  fi
  if [[ -d $dir/data ]]; then
    "${SUDO[@]}" rm -rf --one-file-system "$dir"
  else
    rm -rf --one-file-system "$dir"
  fi
}

# Ends a process, but only one that really is of this state: process ids are used again.
stop_pid() { # DIR PID
  local signal
  for signal in TERM KILL; do
    for _ in {1..100}; do
      grep -qsF "$1/" "/proc/$2/cmdline" || return 0
      [[ $signal == sent ]] || "${SUDO[@]}" kill "-$signal" "$2" 2>/dev/null || true
      signal=sent
      sleep 0.1
    done
  done
}

wait_for() { # WHAT PID LOG COMMAND… - until the command succeeds, the process ends or a minute is over
  local what=$1 pid=$2 log=$3 end=$((SECONDS + 60))
  shift 3
  until "$@" >/dev/null 2>&1; do
    if [[ ! -d /proc/$pid ]] || ((SECONDS > end)); then
      tail -n 20 "$log" >&2
      note "the $what did not start; the end of its log is above"
      return 1
    fi
    sleep 0.1
  done
}

free_port() {
  local port
  while port=$((20000 + RANDOM % 10000)); do
    (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# ---------------------------------------------------------------- the engine

# A bridge of its own for the engine's containers: docker0 is the user's.
bridge_up() {
  local n name
  for n in {0..255}; do
    ip -4 route show table all | grep -q "10\.213\.$n\." && continue
    name=cachelang$n
    "${SUDO[@]}" ip link add "$name" type bridge 2>/dev/null || continue
    echo "$name" >"$STATE/bridge"
    "${SUDO[@]}" ip addr add "10.213.$n.1/24" dev "$name"
    "${SUDO[@]}" ip link set "$name" up
    return
  done
  die "no free network for the engine's bridge"
}

# Starts a Docker Engine that shares nothing with another one on this machine. It sets no
# packet filter: a second engine would flush the chains of the first, and nothing in our
# containers needs the network.
engine_start() {
  need dockerd=docker.io ip=iproute2 curl=curl
  bridge_up
  mkdir "$STATE/data"
  echo '{}' >"$STATE/daemon.json" # instead of the user's /etc/docker/daemon.json
  "${SUDO[@]}" setsid dockerd --config-file "$STATE/daemon.json" \
    --host "unix://$STATE/engine.sock" --group "$(id -g)" \
    --data-root "$STATE/data" --exec-root "$STATE/exec" --pidfile "$STATE/pids/engine" \
    --containerd-namespace cachelang --containerd-plugins-namespace cachelang-plugins \
    --bridge "$(<"$STATE/bridge")" --iptables=false --ip6tables=false --ip-masq=false --ip-forward=false \
    </dev/null >"$STATE/engine.log" 2>&1 &
  ENGINE_SOCK=$STATE/engine.sock
  wait_for "Docker Engine" $! "$STATE/engine.log" engine_api GET /_ping || exit 1
}

# Starts a second engine, with a disk of a given size: in memory. It has no network at all, so
# what it builds has `network = "none"`. Its socket is in SMALL_SOCK.
engine_small_start() { # SIZE
  local dir=$STATE/small
  mkdir "$dir" "$dir/data"
  "${SUDO[@]}" mount -t tmpfs -o "size=$1,mode=755" cachelang-small "$dir/data"
  "${SUDO[@]}" setsid dockerd --config-file "$STATE/daemon.json" \
    --host "unix://$dir/engine.sock" --group "$(id -g)" \
    --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$STATE/pids/small" \
    --containerd-namespace cachelang-small --containerd-plugins-namespace cachelang-small-plugins \
    --bridge none --iptables=false --ip6tables=false --ip-masq=false --ip-forward=false \
    </dev/null >"$dir/engine.log" 2>&1 &
  SMALL_SOCK=$dir/engine.sock
  wait_for "engine with a small disk" $! "$dir/engine.log" \
    http --unix-socket "$SMALL_SOCK" http://localhost/_ping || exit 1
}

engine_api() { # METHOD PATH [CURL-OPTION…]
  http --unix-socket "$ENGINE_SOCK" --request "$1" "http://localhost$2" "${@:3}"
}

# What `docker system prune -af` and `docker builder prune -af` do. Only ever for the engine of
# this run: the data-root that the engine itself names has to be ours.
engine_empty() {
  if [[ -z $STATE || $ENGINE_SOCK != "$STATE/engine.sock" ]] ||
    [[ $(engine_api GET /info) != *"\"DockerRootDir\":\"$STATE/data\""* ]]; then
    die "refusing to empty an engine that this script did not start"
  fi
  engine_api POST /containers/prune >/dev/null
  engine_api POST /networks/prune >/dev/null
  engine_api POST '/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D' >/dev/null
  engine_api POST '/build/prune?all=1' >/dev/null
}

# ---------------------------------------------------------------- registries

# Starts a registry on a free loopback port; its host is in REGISTRY then, its requests are in
# $STATE/NAME.log. With a user and a password it lets nobody else in.
registry_start() { # NAME [USER PASSWORD]
  local name=$1 port config=$STATE/$1.yml
  need docker-registry=docker-registry curl=curl
  [[ $# == 1 ]] || need htpasswd=apache2-utils
  for _ in {1..5}; do # a port can be taken between the look and the start
    port=$(free_port)
    cat >"$config" <<YAML
version: 0.1
log: { level: error }
storage:
  filesystem: { rootdirectory: $STATE/$name }
  delete: { enabled: true }
http: { addr: "127.0.0.1:$port" }
YAML
    if [[ $# == 3 ]]; then
      htpasswd -Bbn "$2" "$3" >"$STATE/$name.htpasswd" 2>/dev/null
      printf 'auth: { htpasswd: { realm: %s, path: %s } }\n' "$name" "$STATE/$name.htpasswd" >>"$config"
    fi
    setsid docker-registry serve "$config" </dev/null >"$STATE/$name.log" 2>&1 &
    echo $! >"$STATE/pids/$name"
    REGISTRY=127.0.0.1:$port
    wait_for registry $! "$STATE/$name.log" http ${2:+--user "$2:$3"} "http://$REGISTRY/v2/" && return
  done
  die "no registry could be started"
}

# ---------------------------------------------------------------- the ECR emulator

# Starts moto's server for the APIs of ECR and STS on a free loopback port: ECR_API.
# Its registries hold nothing: the token that it hands out is for a registry of registry_start.
ecr_start() {
  local port venv=$CACHE/moto log=$STATE/moto.log
  if [[ ! -e $venv/complete ]]; then
    note "installing an emulator of the ECR API (once)"
    mkdir -p "$CACHE"
    rm -rf "$venv"
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
    python3 -m venv "$venv" >"$log"
    "$venv/bin/pip" install --quiet "moto[server,ecr,sts]>=5,<6" >>"$log" 2>&1 ||
      { tail -n 20 "$log" >&2; die "moto could not be installed"; }
    touch "$venv/complete"
  fi
  ln -s "$venv/bin/moto_server" "$STATE/moto_server"
  for _ in {1..5}; do
    port=$(free_port)
    setsid "$STATE/moto_server" -H 127.0.0.1 -p "$port" </dev/null >"$log" 2>&1 &
    echo $! >"$STATE/pids/moto"
    # shellcheck disable=SC2034 # read by the scripts
    ECR_API=http://127.0.0.1:$port
    wait_for "ECR emulator" $! "$log" http "$ECR_API/moto-api/data.json" && return
  done
  die "the ECR emulator could not be started"
}

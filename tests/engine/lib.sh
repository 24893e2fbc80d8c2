# shellcheck shell=bash
# The real parts behind examples/quickstart and tests/run: a Docker Engine and registries that
# belong to one run of a script. Everything of a run is under $STATE, so that stopping it needs
# no memory but that folder; nothing of the user's (engine, network, registry) is touched.
#
# To be sourced by a bash script with `set -euo pipefail`.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=$ROOT/target/engine # what may be kept between runs: the base image, the ECR emulator, the trees
STATE=                    # what may not; set by state_open
ENGINE_SOCK=              # the socket of the engine that engine_start started
# The engines that engine_start knows.
ENGINES=(default 26-graphdriver 26-containerd 28-graphdriver 28-containerd)
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
  mkdir "$STATE/pids" "$STATE/engines" "$STATE/tmp"
  trap 'state_close "$STATE"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# Stops and removes all that state_open's caller started. Runs on every exit.
state_close() { # DIR
  local dir=$1 file
  trap '' HUP INT TERM # a second Ctrl-C must not leave half of it behind
  for file in "$dir"/engines/*/; do
    [[ ! -d $file ]] || engine_stop "${file%/}"
  done
  for file in "$dir"/pids/*; do
    [[ ! -s $file ]] || stop_pid "$dir" "$(<"$file")"
  done
  [[ ! -s $dir/bridge ]] || "${SUDO[@]}" ip link delete "$(<"$dir/bridge")" 2>/dev/null || true
  rm -rf --one-file-system "$dir"
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

# Starts a Docker Engine; its socket is in ENGINE_SOCK then. `default` is that of this distribution.
engine_start() { # ENGINE
  need ip=iproute2
  [[ -s $STATE/bridge ]] || bridge_up
  mkdir -p "$STATE/engines/main/data"
  dockerd_start main "$1" "$(<"$STATE/bridge")"
  ENGINE_SOCK=$STATE/engines/main/engine.sock
}

# Starts another engine beside it, without a network. Its socket is in OTHER_SOCK.
engine_other_start() { # ENGINE
  mkdir -p "$STATE/engines/other/data"
  dockerd_start other "$1" none
  # shellcheck disable=SC2034 # read by the scripts
  OTHER_SOCK=$STATE/engines/other/engine.sock
}

# Starts the same engine beside it, with a disk of a given size: in memory. It has no network at all, so
# what it builds has `network = "none"`. Its socket is in SMALL_SOCK.
engine_small_start() { # ENGINE SIZE
  local dir=$STATE/engines/small
  mkdir -p "$dir/data"
  "${SUDO[@]}" mount -t tmpfs -o "size=$2,mode=755" cachelang-small "$dir/data"
  dockerd_start small "$1" none
  # shellcheck disable=SC2034 # read by the scripts
  SMALL_SOCK=$dir/engine.sock
}

# Starts dockerd on $STATE/engines/NAME/data. It shares nothing with another engine on this machine, and
# sets no packet filter: a second engine would flush the chains of the first, and nothing in our containers
# needs the network.
dockerd_start() { # NAME ENGINE BRIDGE
  local dir=$STATE/engines/$1 config='{}' inside=()
  case $2 in
    default) need dockerd=docker.io ;;
    26-*) tree_make trixie ;;
    28-*) tree_make forky ;;
    *) die "there is no engine named $2; the engines are: ${ENGINES[*]}" ;;
  esac
  if [[ $2 != default ]]; then
    inside=(unshare --mount --propagation private "$ROOT/tests/engine/in-tree" "$TREE" "$dir")
    config='{"features":{"containerd-snapshotter":false}}'
    [[ $2 != *-containerd ]] || config=${config/false/true}
  fi
  echo "$config" >"$dir/daemon.json" # instead of the user's /etc/docker/daemon.json
  "${SUDO[@]}" setsid "${inside[@]}" dockerd --config-file "$dir/daemon.json" \
    --host "unix://$dir/engine.sock" --group "$(id -g)" \
    --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" \
    --containerd-namespace "cachelang-$1" --containerd-plugins-namespace "cachelang-$1-plugins" \
    --bridge "$3" --iptables=false --ip6tables=false --ip-masq=false --ip-forward=false \
    </dev/null >"$dir/log" 2>&1 &
  echo $! >"$dir/starter"
  wait_for "Docker Engine" $! "$dir/log" http --unix-socket "$dir/engine.sock" http://localhost/_ping || exit 1
}

# Stops an engine and removes all that it had.
engine_stop() { # DIR
  local dir=$1 file pid
  # dockerd killed hard leaves its containerd and its mounts behind; killed early, it has no pid yet.
  for file in pid starter exec/containerd/containerd.pid; do
    pid=$("${SUDO[@]}" cat "$dir/$file" 2>/dev/null || true)
    [[ -z $pid ]] || stop_pid "$dir" "$pid"
  done
  # A build that was running leaves the processes of its container: their root folder is one of ours.
  "${SUDO[@]}" grep -sE '^([^ ]+ ){4}/ ' /proc/[0-9]*/mountinfo | grep -F "$dir/" | cut -d / -f 3 |
    while read -r pid; do "${SUDO[@]}" kill -KILL "$pid" 2>/dev/null || true; done || true
  awk -v d="$dir/" 'index($5, d) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
    while read -r file; do "${SUDO[@]}" umount -l "$file" || true; done
  "${SUDO[@]}" rm -rf --one-file-system "$dir"
}

engine_api() { # METHOD PATH [CURL-OPTION…]
  http --unix-socket "$ENGINE_SOCK" --request "$1" "http://localhost$2" "${@:3}"
}

# Its version and its image store, as it says them: `26.1.5 containerd`.
engine_name() {
  local version store=graphdriver
  version=$(engine_api GET /version | grep -oE '"Version":"[0-9.]+' | head -n 1)
  [[ $(engine_api GET /info) != *io.containerd.snapshotter.v1* ]] || store=containerd
  echo "${version##*\"} $store"
}

# What `docker system prune -af` and `docker builder prune -af` do. Only ever for the engine of
# this run: the data-root that the engine itself names has to be ours.
engine_empty() {
  if [[ -z $STATE || $ENGINE_SOCK != "$STATE/engines/main/engine.sock" ]] ||
    [[ $(engine_api GET /info) != *"\"DockerRootDir\":\"$STATE/engines/main/data\""* ]]; then
    die "refusing to empty an engine that this script did not start"
  fi
  engine_api POST /containers/prune >/dev/null
  engine_api POST /networks/prune >/dev/null
  engine_api POST '/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D' >/dev/null
  engine_api POST '/build/prune?all=1' >/dev/null
}

# ---------------------------------------------------------------- registries

# Starts a registry on a free loopback port; its host is in REGISTRY then, its requests are in
# $STATE/NAME.log. With a user and a password it lets nobody else in; with `tls` it speaks TLS, with
# a certificate that the authority in $STATE/NAME.ca.crt has signed.
registry_start() { # NAME [tls | USER PASSWORD]
  local name=$1 port config=$STATE/$1.yml url=http
  need docker-registry=docker-registry curl=curl
  case $# in
    2) need openssl=openssl; registry_certificates "$STATE/$name"; url=https ;;
    3) need htpasswd=apache2-utils ;;
  esac
  for _ in {1..5}; do # a port can be taken between the look and the start
    port=$(free_port)
    cat >"$config" <<YAML
version: 0.1
log: { level: error }
storage:
  filesystem: { rootdirectory: $STATE/$name }
  delete: { enabled: true }
http:
  addr: "127.0.0.1:$port"
YAML
    case $# in
      2) printf '  tls: { certificate: %s.crt, key: %s.key }\n' "$STATE/$name" "$STATE/$name" >>"$config" ;;
      3)
        htpasswd -Bbn "$2" "$3" >"$STATE/$name.htpasswd" 2>/dev/null
        printf 'auth: { htpasswd: { realm: %s, path: %s } }\n' "$name" "$STATE/$name.htpasswd" >>"$config"
        ;;
    esac
    setsid docker-registry serve "$config" </dev/null >"$STATE/$name.log" 2>&1 &
    echo $! >"$STATE/pids/$name"
    REGISTRY=127.0.0.1:$port
    wait_for registry $! "$STATE/$name.log" http --insecure ${3:+--user "$2:$3"} "$url://$REGISTRY/v2/" && return
  done
  die "no registry could be started"
}

# Makes an authority, and a certificate of it for this machine: FILE.ca.crt, FILE.crt and FILE.key.
registry_certificates() { # FILE
  local key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2)
  {
    openssl req -x509 "${key[@]}" -keyout "$1.ca.key" -out "$1.ca.crt" -subj "/CN=authority of the tests" \
      -addext basicConstraints=critical,CA:TRUE
    openssl req -new "${key[@]}" -keyout "$1.key" -out "$1.csr" -subj /CN=127.0.0.1
    printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n' >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$1.ca.crt" -CAkey "$1.ca.key" -days 2 -extfile "$1.ext" -out "$1.crt"
  } >"$1.openssl.log" 2>&1 || { tail -n 20 "$1.openssl.log" >&2; die "openssl could not make certificates"; }
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

# shellcheck shell=bash
# The wheels of an image of some 300 MB, on a port of this machine: the builds of a measurement install them from
# there, however this machine reaches the packages of Python.
#
# To be sourced after lib.sh.

# Downloads the wheels for the Python of the base image, should they not be there, and sets WHEELS.
wheels_make() { # REQUIREMENTS
  local python key
  python=$(apt-cache depends python3-minimal | grep -oE 'python3\.[0-9]+' | head -n 1)
  key=$(cat "${BASH_SOURCE[0]}" "$1" | sha256sum | cut -c 1-12)
  WHEELS=$CACHE/wheels-$key
  [[ ! -d $WHEELS ]] || return 0
  note "downloading wheels for $python (once)"
  python3 -m pip download --quiet --only-binary=:all: --implementation cp --python-version "${python#python}" \
    --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 --dest "$WHEELS.$$" --requirement "$1"
  mv -T "$WHEELS.$$" "$WHEELS"
}

# Serves the wheels on a free loopback port: INDEX.
index_start() {
  local port log=$STATE/index.log
  ln -s "$WHEELS" "$STATE/wheels"
  for _ in {1..5}; do
    port=$(free_port)
    setsid python3 -m http.server --bind 127.0.0.1 --directory "$STATE/wheels" "$port" </dev/null >"$log" 2>&1 &
    echo $! >"$STATE/pids/index"
    # shellcheck disable=SC2034 # read by the scripts
    INDEX=http://127.0.0.1:$port/
    wait_for "index of wheels" $! "$log" http "http://127.0.0.1:$port/" && return
  done
  die "the index of wheels could not be started"
}

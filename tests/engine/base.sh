# shellcheck shell=bash
# A small stand-in for AWS's Lambda base image: Python, pip and a shell from the distribution's
# packages, and the wheels of the example, so that neither a build nor a pull needs the network.
# It is made once and kept; the same file is the same image, whenever and wherever it is pushed.
# A second one has only the shell: for builds that are about anything but Python.
#
# To be sourced after lib.sh.

# The packages that PACKAGE… need to run, without those that only serve installing them.
base_packages() { # PACKAGE…
  apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
    --no-replaces --no-enhances "$@" |
    grep -E '^(lib|python3\.|python3-pip-whl|zlib1g|media-types|busybox-static|ca-certificates)' | grep -v '^libperl' | sort -u
}

# Makes $CACHE/base-KEY.tar.gz and $CACHE/shell-KEY.tar.gz, should they not be there, and sets BASE_TAR and SHELL_TAR.
base_make() {
  # shellcheck disable=SC2153 # ROOT is of lib.sh
  local requirements=$ROOT/examples/lambda/requirements.txt key shell
  key=$(cat "${BASH_SOURCE[0]}" "$requirements" | sha256sum | cut -c 1-12)
  BASE_TAR=$CACHE/base-$key.tar.gz
  SHELL_TAR=$CACHE/shell-$key.tar.gz
  [[ ! -s $BASE_TAR || ! -s $SHELL_TAR ]] || return 0
  note "making a base image from packages of this distribution (once)"
  need curl=curl python3=python3
  python3 -m pip --version >/dev/null 2>&1 || apt_install python3-pip
  base_rootfs "$requirements" "$STATE/base" >"$STATE/base.log" 2>&1 ||
    { tail -n 20 "$STATE/base.log" >&2; die "the base image could not be made"; }
  mkdir -p "$CACHE"
  mapfile -t shell < <(cd "$STATE/base" && find ./usr/bin -name busybox -o -lname busybox)
  base_pack "$STATE/base" "$SHELL_TAR" --no-recursion . ./bin ./etc ./etc/passwd ./etc/group ./tmp ./usr ./usr/bin \
    ./var ./var/task "${shell[@]}"
  base_pack "$STATE/base" "$BASE_TAR" .
}

# The name appears when the file is whole: another run may be waiting for it.
base_pack() { # DIR FILE NAME…
  tar --create --directory "$1" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner "${@:3}" | gzip -n >"$2.$$"
  mv "$2.$$" "$2"
}

# Called where `set -e` has no force, so every step that can fail says so.
base_rootfs() { # REQUIREMENTS DIR
  local requirements=$1 root=$2 debs=$STATE/debs python deb name
  apt-cache show python3-minimal >/dev/null 2>&1 || { "${SUDO[@]}" apt-get update -q || return; }
  python=$(apt-cache depends python3-minimal | grep -oE 'python3\.[0-9]+' | head -n 1) || return

  mkdir -p "$debs" "$root"/usr/{bin,sbin,lib,lib64} "$root"/{dev,etc,proc,root,run,sys,tmp,var/task,wheels}
  chmod 1777 "$root/tmp"
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
  # shellcheck disable=SC2046 # one package per word
  (cd "$debs" && apt-get download -q $(base_packages "$python-minimal" "lib$python-stdlib" python3-pip-whl busybox-static)) || return
  for deb in "$debs"/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar --extract --keep-directory-symlink --directory "$root" || return
  done
  # Newer pips read this file even when they need no network.
  cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt" || return
  rm -rf "$root"/usr/share/{ca-certificates,doc,man,lintian,locale,bash-completion} "$root"/usr/lib/*/gconv "$root"/usr/lib/*/perl* \
    "$root/usr/lib/$python/EXTERNALLY-MANAGED"

  for name in $("$root/bin/busybox" --list); do
    [[ -e $root/bin/$name || -L $root/bin/$name ]] || ln -s busybox "$root/bin/$name"
  done
  ln -sf "$python" "$root/usr/bin/python3"
  ln -sf "$python" "$root/usr/bin/python"
  name=$(cd "$root" && echo usr/share/python-wheels/pip-*.whl) # pip runs out of its wheel
  printf '#!/bin/sh\nexec python3 /%s/pip "$@"\n' "$name" >"$root/usr/bin/pip"
  chmod 755 "$root/usr/bin/pip"
  ln -s pip "$root/usr/bin/pip3"
  printf '[global]\nno-index = true\nfind-links = /wheels\ndisable-pip-version-check = true\n' >"$root/etc/pip.conf"
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
  echo 'root:x:0:' >"$root/etc/group"

  # The host's pip knows how this machine reaches its packages. Only pure Python: whatever
  # Python the host has, the image has the distribution's.
  python3 -m pip download --quiet --no-deps --only-binary=:all: --platform any --implementation py --abi none \
    --python-version "${python#python}" --dest "$root/wheels" --requirement "$requirements"
}

# Puts a base image into a registry without a password, as a docker push would, and sets
# BASE_IMAGE to its name there. No engine is involved, so that none of the user's gets it.
base_push() { # REGISTRY [REPOSITORY TAR]
  local repository=${2:-cachelang-base} tar=${3:-$BASE_TAR} api layer config manifest arch tag type=application/vnd.docker
  api=http://$1/v2/$repository
  layer=$(sha256sum <"$tar" | cut -d ' ' -f 1)
  tag=${layer:0:12}
  # shellcheck disable=SC2034 # read by the scripts
  BASE_IMAGE=$1/$repository:$tag
  http --head --output /dev/null "$api/manifests/$tag" \
    --header "Accept: $type.distribution.manifest.v2+json" 2>/dev/null && return

  arch=$(dpkg --print-architecture)
  config=$(printf '{"architecture":"%s","os":"linux","created":"1970-01-01T00:00:00Z",' "$arch"
    printf '"config":{"Env":["PATH=/usr/sbin:/usr/bin:/sbin:/bin","LAMBDA_TASK_ROOT=/var/task"],"WorkingDir":"/var/task"},'
    printf '"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},' "$(gzip -dc "$tar" | sha256sum | cut -d ' ' -f 1)"
    printf '"history":[{"created":"1970-01-01T00:00:00Z","created_by":"tests/engine/base.sh"}]}')
  printf %s "$config" >"$STATE/tmp/config.json"
  config=$(sha256sum <"$STATE/tmp/config.json" | cut -d ' ' -f 1)
  manifest=$(printf '{"schemaVersion":2,"mediaType":"%s.distribution.manifest.v2+json",' "$type"
    printf '"config":{"mediaType":"%s.container.image.v1+json","size":%d,"digest":"sha256:%s"},' \
      "$type" "$(stat -c %s "$STATE/tmp/config.json")" "$config"
    printf '"layers":[{"mediaType":"%s.image.rootfs.diff.tar.gzip","size":%d,"digest":"sha256:%s"}]}' \
      "$type" "$(stat -c %s "$tar")" "$layer")

  blob_push "$api" "$tar" "$layer"
  blob_push "$api" "$STATE/tmp/config.json" "$config"
  http --output /dev/null --request PUT "$api/manifests/$tag" --data-binary "$manifest" \
    --header "Content-Type: $type.distribution.manifest.v2+json"
}

blob_push() { # API FILE SHA256
  local where
  where=$(http --request POST --data '' --dump-header - --output /dev/null "$1/blobs/uploads/" |
    tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
  [[ $where == http* ]] || where=${1%%/v2/*}$where
  http --output /dev/null --request PUT --header 'Content-Type: application/octet-stream' \
    --upload-file "$2" "$where&digest=sha256:$3"
}

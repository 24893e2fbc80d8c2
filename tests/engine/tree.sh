# shellcheck shell=bash
# Debian releases as folders, for the Docker Engines that they have. A tree is made once and kept
# in $CACHE; nothing writes to it afterwards, so that several engines and runs can share it.
#
# To be sourced after lib.sh.

# Makes $CACHE/tree-SUITE-KEY, should it not be there, and sets TREE.
tree_make() { # SUITE
  local suite=$1 key partial old
  key=$(sha256sum <"${BASH_SOURCE[0]}" | cut -c 1-12)
  TREE=$CACHE/tree-$suite-$key
  [[ ! -d $TREE ]] || return 0
  for old in "$CACHE/tree-$suite"-*; do # of an older script, or of a run that was killed
    [[ ! -d $old || -d /proc/${old##*.} ]] || "${SUDO[@]}" rm -rf --one-file-system "$old"
  done
  need debootstrap=debootstrap
  note "making a tree of Debian $suite with its Docker Engine (once)"
  # The name without a process id appears when the tree is whole.
  partial=$TREE.$$
  mkdir -p "$CACHE"
  tree_unpack "$suite" "$partial" >"$STATE/tree.log" 2>&1 || {
    tail -n 20 "$STATE/tree.log" >&2
    "${SUDO[@]}" rm -rf --one-file-system "$partial"
    die "the tree of Debian $suite could not be made"
  }
  # Another run may have been faster.
  "${SUDO[@]}" mv -T "$partial" "$TREE" 2>/dev/null || "${SUDO[@]}" rm -rf --one-file-system "$partial"
}

# Called where `set -e` has no force, so every step that can fail says so.
tree_unpack() { # SUITE DIR
  local mirror proxy
  mirror=$(tree_mirror)
  [[ -n $mirror ]] || { echo "no mirror of Debian is among the package sources of this machine"; return 1; }
  # apt may have a proxy of its own, which debootstrap does not know.
  proxy=$(apt-config shell proxy Acquire::http::Proxy | sed -n "s/^proxy='\(.*\)'$/\1/p")
  # It ends with this script, even if that is killed, and its mounts end with it. The releases since 2023 are all
  # made as `sid` is; an older debootstrap does not know their names.
  "${SUDO[@]}" env ${proxy:+"http_proxy=$proxy"} setpriv --pdeathsig KILL unshare --mount --propagation private \
    debootstrap --variant=minbase --include=ca-certificates,docker.io "$1" "$2" "$mirror" \
    /usr/share/debootstrap/scripts/sid || return
  "${SUDO[@]}" rm -rf "$2"/var/cache/apt/* "$2"/var/lib/apt/lists/* "$2"/usr/share/{doc,locale,man}
}

# Where this machine gets its own Debian packages from; the other releases are beside them.
tree_mirror() {
  # apt knows what is at a place only once it has read its index.
  [[ -n $(tree_mirrors) ]] || "${SUDO[@]}" apt-get update -q >&2
  tree_mirrors | head -n 1
}

tree_mirrors() {
  apt-get indextargets --format "\$(REPO_URI)" 'Label: Debian' 'Component: main'
}

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the build's dependencies available: sh cmake/set-up.sh
#
# Changes nothing where CMake finds all of them already. On Debian, and as root, it installs packages and says which before
# it does. Kokkos 5 and Eigen 5 are in Debian unstable alone: on Debian 12 and 13 that becomes a source for these two
# packages and no other, and on Debian 12 the C and C++ run-time libraries go up to Debian 13's, which Kokkos needs.
set -eu

project=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
sources_file=/etc/apt/sources.list.d/cellvae-newer-debian.sources
pins_file=/etc/apt/preferences.d/cellvae

# Everything but Kokkos, Eigen and Catch2, whose versions in Debian 12 are too old.
packages="g++ cmake ninja-build ccache librandom123-dev libboost-dev libhdf5-dev zlib1g-dev libcli11-dev nlohmann-json3-dev"
# The program cellvae does without, but then has no Leiden clusters.
optional_packages="libigraph-dev"
newer_packages="libkokkos-dev libeigen3-dev libcatch2-dev"

say() { printf 'set-up: %s\n' "$*"; }

# True where the project configures without fetching anything.
everything_is_there() {
    command -v cmake >/dev/null && command -v ninja >/dev/null || return 1
    probe=$(mktemp -d)
    status=0
    cmake -S "$project" -B "$probe" -G Ninja -DFETCHCONTENT_FULLY_DISCONNECTED=ON -DCELLVAE_INSTALL=OFF \
        >"$probe/log" 2>&1 </dev/null || status=1
    rm -rf "$probe"
    return $status
}

# libkokkos-dev 5.2.2-2 names two archives that it does not ship. They are empty in Kokkos's own builds too, but
# find_package(Kokkos) stops where they are missing.
kokkos_archives_missing() {
    core=$(dpkg -L libkokkos-dev 2>/dev/null | grep '/libkokkoscore\.so$') || return 1
    folder=$(dirname "$core")
    archives=
    for name in algorithms simd; do
        if grep -q "libkokkos$name\.a" "$folder"/cmake/Kokkos/KokkosTargets-*.cmake &&
            [ ! -e "$folder/libkokkos$name.a" ]; then
            archives="$archives $folder/libkokkos$name.a"
        fi
    done
    [ -n "$archives" ]
}

complete_kokkos() {
    if kokkos_archives_missing; then
        say "adding the empty archives that Debian's Kokkos names and does not ship:$archives"
        for archive in $archives; do ar qc "$archive"; done
    fi
}

# One stanza of apt's sources: the suite from the mirror that this machine uses already.
source_of() {
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$mirror" "$1"
    if [ -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
        printf 'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n'
    fi
    # A mirror's copy of unstable may be some days old.
    if [ "$1" = sid ]; then printf 'Check-Valid-Until: no\n'; fi
    printf '\n'
}

pin_of() { printf 'Package: %s\nPin: release n=%s\nPin-Priority: %s\n\n' "$1" "$2" "$3"; }

install_packages() {
    DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 install -y --no-install-recommends "$@" </dev/null
}

if everything_is_there; then
    say "every dependency is there; nothing is changed"
    exit 0
fi

. /etc/os-release 2>/dev/null || ID=unknown
if [ "${ID:-}" != debian ] || ! command -v apt-get >/dev/null; then
    say "this is not Debian: please install a C++20 compiler, CMake 3.25 or later, Ninja, HDF5 (C library), zlib and Boost"
    say "CMake fetches what it does not find of Kokkos, Eigen, Random123, Catch2, CLI11 and nlohmann-json"
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    say "dependencies are missing, and only root can install them. Please run:"
    say "    sudo sh '$project/cmake/set-up.sh'"
    exit 1
fi

apt-get update </dev/null
codenames=$(apt-get indextargets --format '$(CODENAME)' 'Created-By: Packages' | sort -u)
release=other
for codename in trixie bookworm; do
    # The older of the two is the system; the newer may have come from an earlier run of this script.
    if printf '%s\n' "$codenames" | grep -qx "$codename"; then release=$codename; fi
done
mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
    awk -v release="$release" '$1 == release { print $2; exit }')

suites=
case $release in
    bookworm) suites="trixie sid" ;;
    trixie) suites="sid" ;;
esac
if [ ! -e "$sources_file" ] && printf '%s\n' "$codenames" | grep -qx sid; then
    suites=    # unstable is in use here by its owner's choice, with its owner's pins
fi

say "this is Debian ($release). What will be done:"
say "  install from it: $packages"
say "  and where it has them: $optional_packages"
if [ -n "$suites" ]; then
    say "  add to apt's sources, from $mirror: $suites ($sources_file)"
    say "  keep every other package at this system's version ($pins_file)"
fi
say "  install: $newer_packages"
if [ "$release" = bookworm ]; then
    say "  THIS CHANGES THE C LIBRARY: libc6, libstdc++6 and what hangs on them go up to Debian 13's (trixie)"
fi

# The keyring must know the newer releases' keys.
install_packages debian-archive-keyring $packages
install_packages $optional_packages || say "not installed: $optional_packages (the program cellvae will have no Leiden clusters)"
if [ -n "$suites" ]; then
    for suite in $suites; do source_of "$suite"; done >"$sources_file"
    {
        if [ "$release" = bookworm ]; then pin_of '*' trixie 95; fi
        pin_of '*' sid -1
        pin_of 'libkokkos* libeigen3-dev' sid 995
    } >"$pins_file"
    apt-get update </dev/null
fi
if [ "$release" = bookworm ]; then
    install_packages -t trixie $newer_packages libc6-dev
else
    install_packages $newer_packages
fi
complete_kokkos

if everything_is_there; then
    say "done: every dependency is there"
else
    say "CMake still misses a dependency; this says which: cmake --preset release"
    exit 1
fi

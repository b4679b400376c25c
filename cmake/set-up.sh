#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the build's dependencies available: sh cmake/set-up.sh
#
# Changes nothing where CMake finds all of them already. Where apt is, and as root, it installs packages and says which
# before it does. Kokkos 5 and Eigen 5 are in Debian unstable alone: on Debian 12 and 13 that becomes a source for these two
# packages and no other, and on Debian 12 the C and C++ run-time libraries go up to Debian 13's, which Kokkos needs. Where
# they cannot be installed so, and on other systems with apt, CMake fetches pinned versions.
#
# One line a step. What apt and CMake say goes to build/set-up.log; where a step fails, its end is printed.
set -eu

project=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
sources_file=/etc/apt/sources.list.d/cellvae-newer-debian.sources
pins_file=/etc/apt/preferences.d/cellvae

# Everything but Kokkos, Eigen and Catch2, whose versions in Debian 12 are too old.
packages="g++ cmake ninja-build ccache librandom123-dev libboost-dev libhdf5-dev zlib1g-dev libcli11-dev nlohmann-json3-dev"
# The program cellvae does without, but then has no Leiden clusters, reads no LZF, h5py's own compression, and takes all
# distances where it would look for the neighbours of more than 50,000 cells in a graph.
optional_packages="libigraph-dev liblzf-dev libhnswlib-dev"
newer_packages="libkokkos-dev libeigen3-dev libcatch2-dev"
fetched_with="git ca-certificates"

say() { printf 'set-up: %s\n' "$*"; }

log=$project/build/set-up.log
if ! { mkdir -p "$project/build" && printf "" >"$log"; } 2>/dev/null; then log=$(mktemp); fi

# step WORDS COMMAND...: the command, its output in the log; one line with the time that it took, or the log's end.
step() {
    printf 'set-up: %s ... ' "$1"
    printf '\n== %s\n' "$1" >>"$log"
    shift
    begun=$(date +%s)
    status=0
    "$@" >>"$log" 2>&1 </dev/null || status=$?
    if [ $status -eq 0 ]; then
        printf '%s s\n' "$(($(date +%s) - begun))"
    else
        printf 'FAILED\n'
        tail -n 15 "$log" | sed 's/^/    /'
        say "the whole of it: $log"
    fi
    return $status
}

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

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 install -y --no-install-recommends "$@"; }

# install_packages WORDS PACKAGES...
install_packages() {
    words=$1
    shift
    step "installing $words" apt_install "$@"
}

read_lists() { step "reading apt's lists of packages" apt-get update; }
configure() { (cd "$project" && cmake --preset release); }

if everything_is_there; then
    say "every dependency is there; nothing is changed"
    exit 0
fi

# CMake fetches what is missing, into the folder that both commands build in.
fetch_the_rest() {
    if step "CMake fetches what is still missing, in pinned versions (build/release/_deps)" configure; then
        say "done: what this machine lacks was fetched"
        exit 0
    fi
    say "CMake still misses a dependency, and could not fetch it"
    exit 1
}

if ! command -v apt-get >/dev/null; then
    say "this machine has no apt. Please install a C++20 compiler, CMake 3.25 or later, Ninja, git, HDF5 (C library), zlib and Boost:"
    say "  dnf install gcc-c++ cmake ninja-build git ccache hdf5-devel zlib-devel boost-devel"
    say "  pacman -S gcc cmake ninja git ccache hdf5 zlib boost"
    say "  brew install cmake ninja git ccache hdf5 boost libomp"
    if command -v cmake >/dev/null && command -v ninja >/dev/null; then fetch_the_rest; fi
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    say "dependencies are missing, and only root can install packages: sudo sh '$project/cmake/set-up.sh'"
    if command -v cmake >/dev/null && command -v ninja >/dev/null; then fetch_the_rest; fi
    exit 1
fi
ID=unknown
. /etc/os-release 2>/dev/null || true

read_lists
codenames=$(apt-get indextargets --format '$(CODENAME)' 'Created-By: Packages' | sort -u)
release=other
for codename in trixie bookworm; do
    # The older of the two is the system; the newer may have come from an earlier run of this script.
    if printf '%s\n' "$codenames" | grep -qx "$codename"; then release=$codename; fi
done
[ "$ID" = debian ] || release=other
mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
    awk -v release="$release" '$1 == release { print $2; exit }')

suites=
case $release in
    bookworm) suites="trixie sid" ;;
    trixie) suites="sid" ;;
esac
if [ ! -e "$sources_file" ] && [ "$ID" = debian ] && printf '%s\n' "$codenames" | grep -qx sid; then
    suites=    # unstable is in use here by its owner's choice, with its owner's pins
fi

system="Debian ($release)"
[ "$ID" = debian ] || system="a system with apt ($ID)"
say "this is $system. What will be done:"
say "  install from it: $packages"
say "  and where it has them: $optional_packages"
if [ -n "$suites" ]; then
    say "  add to apt's sources, from $mirror: $suites ($sources_file)"
    say "  keep every other package at this system's version ($pins_file)"
fi
if [ "$ID" = debian ]; then
    say "  install: $newer_packages"
    say "  or, where that fails, let CMake fetch pinned versions"
else
    say "  install for it: $fetched_with"
    say "  let CMake fetch pinned versions of what it does not find: Kokkos, Eigen, Catch2"
fi
if [ "$release" = bookworm ]; then
    say "  THIS CHANGES THE C LIBRARY: libc6, libstdc++6 and what hangs on them go up to Debian 13's (trixie)"
fi

# The keyring must know the newer releases' keys.
[ "$ID" != debian ] || install_packages "Debian's keys" debian-archive-keyring
install_packages "compiler, CMake and libraries" $packages
for package in $optional_packages; do
    install_packages "$package, which is optional" "$package" || say "not installed: $package (the program cellvae does without)"
done
newer_installed=
if [ "$ID" = debian ]; then
    newer_installed=yes
    if [ -n "$suites" ]; then
        for suite in $suites; do source_of "$suite"; done >"$sources_file"
        {
            if [ "$release" = bookworm ]; then pin_of '*' trixie 95; fi
            pin_of '*' sid -1
            pin_of 'libkokkos* libeigen3-dev' sid 995
        } >"$pins_file"
        if ! read_lists; then
            say "taking these sources away again: this mirror does not have them"
            rm -f "$sources_file" "$pins_file"
            newer_installed=
        fi
    fi
    if [ -z "$newer_installed" ]; then
        read_lists
    elif [ "$release" = bookworm ]; then
        install_packages "Kokkos, Eigen, Catch2 and the C library" -t trixie $newer_packages libc6-dev || newer_installed=
    else
        install_packages "Kokkos, Eigen and Catch2" $newer_packages || newer_installed=
    fi
fi
complete_kokkos

if everything_is_there; then
    say "done: every dependency is there"
    exit 0
fi
if [ "$ID" = debian ] && [ -z "$newer_installed" ]; then
    say "Debian's packages of Kokkos and Eigen could not be installed (unstable may have moved on)"
fi
install_packages "what fetches" $fetched_with || say "not installed: $fetched_with"
fetch_the_rest

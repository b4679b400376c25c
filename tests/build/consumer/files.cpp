// SPDX-License-Identifier: Apache-2.0
// cellvae::io brings the headers and libraries of HDF5 and zlib with it.
#include <hdf5.h>
#include <zlib.h>

#include <cstdio>

#include "cellvae/core/count_matrix.hpp"

int main() {
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    std::printf("HDF5 %u.%u.%u, zlib %s\n", major, minor, release, zlibVersion());
    return cellvae::CountMatrix{}.cells() == 0 ? 0 : 1;
}

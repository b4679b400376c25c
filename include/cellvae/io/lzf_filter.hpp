// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hdf5.h>

#ifdef CELLVAE_WITH_LZF  // comes with liblzf, where cellvae::io has found it
#include <lzf.h>
#endif

#include <cstddef>

/// Reads what h5py compressed with LZF, by liblzf: HDF5 itself has no such filter, and plug-ins are not loaded.
namespace cellvae::io_detail {

inline constexpr H5Z_filter_t lzf_number = 32000;  // as h5py registered it

#ifdef CELLVAE_WITH_LZF

/// HDF5's filter function, for reading alone. The third parameter is the chunk's size in bytes, as h5py sets it; more
/// than liblzf can make of what is there (264 bytes of 3) is not believed.
inline std::size_t undo_lzf(unsigned flags, std::size_t parameters, const unsigned values[], std::size_t bytes,
                            std::size_t* room, void** buffer) {
    if ((flags & H5Z_FLAG_REVERSE) == 0 || parameters < 3) return 0;
    const std::size_t whole = values[2];
    if (whole == 0 || whole > 88 * bytes + 264) return 0;
    void* const plain = H5allocate_memory(whole, false);
    if (plain == nullptr) return 0;
    if (lzf_decompress(*buffer, static_cast<unsigned>(bytes), plain, static_cast<unsigned>(whole)) != whole) {
        H5free_memory(plain);
        return 0;
    }
    H5free_memory(*buffer);
    *buffer = plain;
    *room = whole;
    return whole;
}

#endif

/// Makes the filter known to HDF5, once, where liblzf is there.
inline void register_lzf() {
#ifdef CELLVAE_WITH_LZF
    if (H5Zfilter_avail(lzf_number) > 0) return;
    const H5Z_class2_t filter{H5Z_CLASS_T_VERS, lzf_number, 0, 1, "lzf, read by cellvae", nullptr, nullptr, undo_lzf};
    H5Zregister(&filter);
#endif
}

}  // namespace cellvae::io_detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hdf5.h>
#if __has_include(<H5FDdevelop.h>)
#include <H5FDdevelop.h>  // where HDF5 1.14 has what a driver is made of
#endif

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "cellvae/core/error.hpp"
#include "cellvae/io/atomic_file.hpp"
#include "cellvae/io/hdf5.hpp"

namespace cellvae::io_detail {

/// The bytes of a file that HDF5 writes, which never fails as HDF5 sees it.
///
/// HDF5 writes its caches when a file is closed. Where that fails, as on a full disk, the file stays open inside the
/// library and the process ends in a crash. So the system's first error is kept for whoever asks, and what HDF5 writes
/// from there on stays in memory, for it may read it again.
class StreamedBytes {
public:
    explicit StreamedBytes(int descriptor) : descriptor_(descriptor) {}

    /// The system's number of the first error; 0 where there was none.
    [[nodiscard]] int error() const { return error_; }

    [[nodiscard]] std::uint64_t size() const {
        struct stat status {};
        return ::fstat(descriptor_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
    }

    void resize(std::uint64_t size) {
        if (error_ == 0 && ::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) error_ = errno;
    }

    void write(std::uint64_t start, std::string_view bytes) {
        while (error_ == 0 && !bytes.empty()) {
            const auto written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(start));
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) {
                error_ = written < 0 ? errno : ENOSPC;
                break;
            }
            bytes.remove_prefix(static_cast<std::size_t>(written));
            start += static_cast<std::uint64_t>(written);
        }
        while (!bytes.empty()) {
            const auto [page, is_new] = kept_.try_emplace(start / page_bytes);
            if (is_new) (void)from_disk(page->first * page_bytes, page->second.data(), page_bytes);
            const std::size_t offset = start % page_bytes, count = std::min(bytes.size(), page_bytes - offset);
            std::memcpy(page->second.data() + offset, bytes.data(), count);
            bytes.remove_prefix(count);
            start += count;
        }
    }

    /// What was never written is zero. @returns false where the system cannot read it
    [[nodiscard]] bool read(std::uint64_t start, char* bytes, std::size_t size) const {
        if (!from_disk(start, bytes, size)) return false;
        for (auto page = kept_.lower_bound(start / page_bytes);
             page != kept_.end() && page->first * page_bytes < start + size; ++page) {
            const std::uint64_t first = std::max(start, page->first * page_bytes);
            const std::uint64_t last = std::min(start + size, (page->first + 1) * page_bytes);
            std::memcpy(bytes + (first - start), page->second.data() + first % page_bytes, last - first);
        }
        return true;
    }

private:
    [[nodiscard]] bool from_disk(std::uint64_t start, char* bytes, std::size_t size) const {
        std::fill_n(bytes, size, '\0');
        for (std::size_t done = 0; done < size;) {
            const auto found = ::pread(descriptor_, bytes + done, size - done, static_cast<off_t>(start + done));
            if (found < 0 && errno == EINTR) continue;
            if (found < 0) return false;
            if (found == 0) break;
            done += static_cast<std::size_t>(found);
        }
        return true;
    }

    static constexpr std::size_t page_bytes = 4096;
    int descriptor_;
    int error_ = 0;
    std::map<std::uint64_t, std::array<char, page_bytes>> kept_;
};

/// HDF5's view of StreamedBytes: a driver, as its documentation calls what stands between it and a file.
struct StreamDriver {
    struct Open {
        H5FD_t common{};  // first: HDF5 knows this alone
        StreamedBytes* bytes = nullptr;
        haddr_t end = 0;
    };

    /// @returns the driver's number, for H5FDunregister()
    static hid_t make() {
        H5FD_class_t driver{};
#if H5_VERSION_GE(1, 14, 0)
        driver.version = H5FD_CLASS_VERSION;
        driver.value = static_cast<H5FD_class_value_t>(511);  // any that HDF5 keeps for nobody: no file carries it
#endif
        driver.name = "cellvae_stream";
        driver.maxaddr = static_cast<haddr_t>(std::numeric_limits<std::int64_t>::max());
        driver.fc_degree = H5F_CLOSE_WEAK;
        driver.fapl_size = sizeof(StreamedBytes*);  // NOLINT(bugprone-sizeof-expression): the pointer is what is kept
        driver.open = [](const char*, unsigned flags, hid_t access, haddr_t) -> H5FD_t* {
            const auto* const given = static_cast<StreamedBytes* const*>(H5Pget_driver_info(access));
            if (given == nullptr) return nullptr;
            auto file = std::make_unique<Open>();
            file->bytes = *given;
            if ((flags & H5F_ACC_TRUNC) != 0) file->bytes->resize(0);
            return &file.release()->common;
        };
        driver.close = [](H5FD_t* file) -> herr_t {
            const std::unique_ptr<Open> owned(of(file));
            return 0;
        };
        driver.query = [](const H5FD_t*, unsigned long* flags) -> herr_t {
            *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
                     H5FD_FEAT_AGGREGATE_SMALLDATA;
            return 0;
        };
        driver.get_eoa = [](const H5FD_t* file, H5FD_mem_t) { return of(file)->end; };
        driver.set_eoa = [](H5FD_t* file, H5FD_mem_t, haddr_t end) -> herr_t {
            of(file)->end = end;
            return 0;
        };
        driver.get_eof = [](const H5FD_t* file, H5FD_mem_t) -> haddr_t {
            // HDF5 must not find the file shorter than what it believes to have written
            const auto* const open = of(file);
            return open->bytes->error() == 0 ? open->bytes->size() : std::max<haddr_t>(open->bytes->size(), open->end);
        };
        driver.read = [](H5FD_t* file, H5FD_mem_t, hid_t, haddr_t start, std::size_t size, void* to) -> herr_t {
            return of(file)->bytes->read(start, static_cast<char*>(to), size) ? 0 : -1;
        };
        driver.write = [](H5FD_t* file, H5FD_mem_t, hid_t, haddr_t start, std::size_t size,
                          const void* from) -> herr_t {
            of(file)->bytes->write(start, {static_cast<const char*>(from), size});
            return 0;
        };
        driver.truncate = [](H5FD_t* file, hid_t, hbool_t) -> herr_t {
            of(file)->bytes->resize(of(file)->end);
            return 0;
        };
        constexpr H5FD_mem_t two_kinds[] = H5FD_FLMAP_DICHOTOMY;  // as HDF5's own drivers: what it notes, and values
        std::copy(std::begin(two_kinds), std::end(two_kinds), driver.fl_map);
        return H5FDregister(&driver);
    }

private:
    static Open* of(H5FD_t* file) { return reinterpret_cast<Open*>(file); }
    static const Open* of(const H5FD_t* file) { return reinterpret_cast<const Open*>(file); }
};

/// A new HDF5 file that goes to the disk while it is written: memory has what HDF5 holds of it, and no more.
class Hdf5Stream {
public:
    /// @param target not committed yet @param name the target, for errors
    /// @param checked HDF5 1.10's format, whose metadata have checksums
    Hdf5Stream(AtomicFile& target, const std::string& name, bool checked = false)
        : Hdf5Stream(target, name, std::string_view(), checked) {}

    /// The same with the contents of a file of HDF5 1.10's format, to which more is to be added.
    Hdf5Stream(AtomicFile& target, const std::string& name, std::string_view contents)
        : Hdf5Stream(target, name, contents, true) {}

    Hdf5Stream(const Hdf5Stream&) = delete;
    Hdf5Stream& operator=(const Hdf5Stream&) = delete;
    ~Hdf5Stream() {
        (void)file_.close();
        if (driver_ >= 0) H5FDunregister(driver_);
    }

    [[nodiscard]] hid_t get() const { return file_.get(); }

    /// Closes HDF5's side. @returns the file, whole and open for writing, not committed
    /// @throws InputError where the system refused to write any of it
    [[nodiscard]] Descriptor finish() {
        const bool closed = file_.close();
        if (bytes_.error() != 0) refuse_to_write(name_, bytes_.error());
        if (!closed) fail();
        return std::move(descriptor_);
    }

    /// As finish(); then the file takes the target's name.
    void commit() {
        Descriptor file = finish();
        if (!file.close()) refuse_to_write(name_, errno);
        target_.commit();
    }

private:
    Hdf5Stream(AtomicFile& target, const std::string& name, std::string_view contents, bool checked)
        : name_(name),
          target_(target),
          descriptor_(open_to_write(target, name, O_CREAT | O_EXCL)),
          bytes_(descriptor_.get()),
          driver_(StreamDriver::make()) {
        const Handle access(H5Pcreate(H5P_FILE_ACCESS));
        if (checked) H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110);
        StreamedBytes* const bytes = &bytes_;
        if (driver_ < 0 || H5Pset_driver(access.get(), driver_, &bytes) < 0) fail();
        const std::string path = target.path().string();
        if (contents.empty()) {
            const Handle creation(H5Pcreate(H5P_FILE_CREATE));
            H5Pset_obj_track_times(creation.get(), false);  // equal contents, equal bytes
            file_ = Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()));
        } else {
            write_bytes(descriptor_, name, contents);
            file_ = Handle(H5Fopen(path.c_str(), H5F_ACC_RDWR, access.get()));
        }
        if (!file_.valid()) fail();
    }

    [[noreturn]] void fail() const { refuse_to_write(name_, hdf5_reason()); }

    std::string name_;
    AtomicFile& target_;
    Descriptor descriptor_;
    StreamedBytes bytes_;
    hid_t driver_;
    Handle file_;
};

}  // namespace cellvae::io_detail

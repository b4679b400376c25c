// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cellvae/core/error.hpp"

namespace cellvae {
namespace io_detail {

/// A file descriptor that closes itself.
class Descriptor {
public:
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    [[nodiscard]] int get() const { return descriptor_; }
    [[nodiscard]] bool close() { return ::close(std::exchange(descriptor_, -1)) == 0; }

private:
    int descriptor_;
};

/// Removes temporary files of `target` that processes left which were killed: those whose process is gone and that
/// nobody holds the lock of (a process of another machine that shares the folder has it while it writes).
inline void remove_stale(const std::filesystem::path& folder, const std::string& target) {
    const std::string head = "." + target + ".", tail = ".part";
    std::error_code code;
    std::vector<std::filesystem::path> stale;
    for (std::filesystem::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
        const std::string name = entry->path().filename().string();
        if (name.size() <= head.size() + tail.size() || name.compare(0, head.size(), head) != 0 ||
            name.compare(name.size() - tail.size(), tail.size(), tail) != 0)
            continue;
        const std::string numbers = name.substr(head.size(), name.size() - head.size() - tail.size());
        const std::size_t dash = numbers.find('-');
        if (dash == 0 || dash > 9 || numbers.find_first_not_of("0123456789-") != std::string::npos) continue;
        const int process = std::stoi(numbers.substr(0, dash));
        if (::kill(process, 0) != 0 && errno == ESRCH) stale.push_back(entry->path());
    }
    for (const auto& path : stale) {
        const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (file.get() >= 0 && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
    }
}

}  // namespace io_detail

/// A new file that takes the place of `target` in one step, or not at all.
///
/// Write to path(), close it, then commit(): the bytes are forced to the disk and the name is changed, so that a reader
/// sees the old file or the whole new one. Without commit(), the destructor removes what was written; what a process
/// left that was killed, the next commit() to the same target removes.
class AtomicFile {
public:
    /// @throws InputError where the target's folder does not exist, or the target is a folder, a device or a pipe.
    explicit AtomicFile(std::filesystem::path target) : target_(std::move(target)) {
        std::error_code code;
        // A link stays a link: what it points to is replaced.
        if (std::filesystem::is_symlink(target_, code)) {
            const auto resolved = std::filesystem::weakly_canonical(target_, code);
            if (!code) target_ = resolved;
        }
        if (target_.filename().empty() || std::filesystem::is_directory(target_, code))
            throw InputError(message(target_.string(), ": is a folder; expected the name of a file to write"));
        if (std::filesystem::exists(target_, code) && !std::filesystem::is_regular_file(target_, code))
            throw InputError(message(target_.string(),
                                     ": is a device or a pipe, whose place a file would take; expected the name of "
                                     "a file to write"));
        folder_ = target_.has_parent_path() ? target_.parent_path() : std::filesystem::path(".");
        if (!std::filesystem::is_directory(folder_, code))
            throw InputError(message(target_.string(), ": there is no folder ", folder_.string(),
                                     " to write it to; expected an existing folder"));
        static std::atomic<unsigned> serial{0};
        path_ = folder_ / message(".", target_.filename().string(), ".", ::getpid(), "-", serial++, ".part");
    }

    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    ~AtomicFile() {
        std::error_code ignored;
        if (!committed_) std::filesystem::remove(path_, ignored);
    }

    /// The temporary name, in the target's folder (only there can the final change of name be a single step).
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

    /// Forces the file to the disk and gives it the target's name. @throws InputError where the system refuses.
    void commit() {
        {
            io_detail::Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
            if (file.get() < 0 || ::fsync(file.get()) != 0) fail("cannot be flushed to the disk");
        }
        if (::rename(path_.c_str(), target_.c_str()) != 0) fail("cannot be given its name");
        committed_ = true;
        // The new name survives a power cut only once the folder is on the disk; not every file system can do it.
        io_detail::Descriptor folder(::open(folder_.c_str(), O_RDONLY | O_CLOEXEC));
        if (folder.get() >= 0) ::fsync(folder.get());
        io_detail::remove_stale(folder_, target_.filename().string());
    }

private:
    [[noreturn]] void fail(const char* what) const {
        const int reason = errno;
        throw InputError(message(target_.string(), ": ", what, " (", std::strerror(reason),
                                 "); expected a folder with room where files may be written"));
    }

    std::filesystem::path target_;
    std::filesystem::path folder_;
    std::filesystem::path path_;
    bool committed_ = false;
};

namespace io_detail {

[[noreturn]] inline void refuse_to_write(const std::string& name, const std::string& reason) {
    throw InputError(
        message(name, ": cannot be written (", reason, "); expected a folder with room where files may be written"));
}

/// @param reason the system's number of it
[[noreturn]] inline void refuse_to_write(const std::string& name, int reason) {
    refuse_to_write(name, std::string(std::strerror(reason)));
}

/// Opens the temporary file for writing (and reading: HDF5 reads what it wrote), with the lock that remove_stale()
/// wants; not every file system can do it. `name` is the target, for errors, here and below.
inline Descriptor open_to_write(const AtomicFile& file, const std::string& name, int flags) {
    Descriptor descriptor(::open(file.path().c_str(), O_RDWR | O_CLOEXEC | flags, 0666));
    if (descriptor.get() < 0) refuse_to_write(name, errno);
    ::flock(descriptor.get(), LOCK_EX | LOCK_NB);
    return descriptor;
}

/// Writes `bytes` at the place where the file is.
inline void write_bytes(const Descriptor& descriptor, const std::string& name, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto written = ::write(descriptor.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) refuse_to_write(name, written < 0 ? errno : ENOSPC);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

/// Fills the temporary file with `bytes` and commits it.
inline void write_and_commit(AtomicFile& file, const std::string& name, std::string_view bytes) {
    Descriptor descriptor = open_to_write(file, name, O_CREAT | O_EXCL);
    write_bytes(descriptor, name, bytes);
    if (!descriptor.close()) refuse_to_write(name, errno);
    file.commit();
}

}  // namespace io_detail

/// Writes `text` to `path`: under a temporary name, flushed, then renamed. An interrupted write leaves the old file.
/// @throws InputError where the system refuses; the temporary file is removed.
inline void write_text_atomically(const std::filesystem::path& path, std::string_view text) {
    AtomicFile file(path);
    io_detail::write_and_commit(file, path.string(), text);
}

}  // namespace cellvae

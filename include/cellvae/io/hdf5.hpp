// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hdf5.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/io/hdf5_heaps.hpp"
#include "cellvae/io/hdf5_structure.hpp"
#include "cellvae/io/lzf_filter.hpp"

/// Owning handles over HDF5's C interface, and the checks that make a damaged file an error instead of a crash.
namespace cellvae::io_detail {

/// Keeps HDF5 from printing its errors while it lives (they become ours), and from loading plug-ins: a file that names
/// a filter could choose which code runs.
class QuietHdf5 {
public:
    QuietHdf5() {
        H5open();
        H5PLget_loading_state(&plugins_);
        H5PLset_loading_state(0);
        H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    }
    QuietHdf5(const QuietHdf5&) = delete;
    QuietHdf5& operator=(const QuietHdf5&) = delete;
    ~QuietHdf5() {
        H5Eset_auto2(H5E_DEFAULT, function_, data_);
        H5PLset_loading_state(plugins_);
    }

private:
    unsigned plugins_ = 0;
    H5E_auto2_t function_ = nullptr;
    void* data_ = nullptr;
};

/// The innermost words of HDF5's last error.
inline std::string hdf5_reason() {
    std::string reason;
    H5Ewalk2(
        H5E_DEFAULT, H5E_WALK_UPWARD,
        [](unsigned, const H5E_error2_t* error, void* text) -> herr_t {
            auto& to = *static_cast<std::string*>(text);
            if (to.empty() && error->desc != nullptr) to = error->desc;
            return 0;
        },
        &reason);
    H5Eclear2(H5E_DEFAULT);
    return reason.empty() ? "no reason given" : reason;
}

/// Owns any HDF5 identifier; closes it by its kind.
class Handle {
public:
    Handle() = default;
    explicit Handle(hid_t id) : id_(id) {}
    Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, hid_t{-1})) {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(id_, other.id_);
        return *this;
    }
    ~Handle() { close(); }

    [[nodiscard]] bool valid() const { return id_ >= 0; }
    [[nodiscard]] hid_t get() const { return id_; }

    /// False where HDF5 could not finish, as when the disk is full.
    bool close() {
        if (id_ < 0) return true;
        const hid_t id = std::exchange(id_, hid_t{-1});
        switch (H5Iget_type(id)) {
            case H5I_FILE:
                return H5Fclose(id) >= 0;
            case H5I_GROUP:
                return H5Gclose(id) >= 0;
            case H5I_DATASET:
                return H5Dclose(id) >= 0;
            case H5I_DATATYPE:
                return H5Tclose(id) >= 0;
            case H5I_DATASPACE:
                return H5Sclose(id) >= 0;
            case H5I_ATTR:
                return H5Aclose(id) >= 0;
            case H5I_GENPROP_LST:
                return H5Pclose(id) >= 0;
            default:
                return H5Idec_ref(id) >= 0;
        }
    }

private:
    hid_t id_ = -1;
};

/// The type in memory that holds a `Value`.
template <class Value>
hid_t native_type() {
    if constexpr (std::is_same_v<Value, float>)
        return H5T_NATIVE_FLOAT;
    else if constexpr (std::is_same_v<Value, double>)
        return H5T_NATIVE_DOUBLE;
    else if constexpr (std::is_same_v<Value, std::int8_t>)
        return H5T_NATIVE_INT8;
    else if constexpr (std::is_same_v<Value, std::int32_t>)
        return H5T_NATIVE_INT32;
    else {
        static_assert(std::is_same_v<Value, std::int64_t>, "native_type: no HDF5 type for this value");
        return H5T_NATIVE_INT64;
    }
}

/// What a dataset's or an attribute's elements are.
enum class ElementKind { integer, floating, boolean, text, other };

inline ElementKind element_kind(hid_t type) {
    switch (H5Tget_class(type)) {
        case H5T_INTEGER:
            return ElementKind::integer;
        case H5T_FLOAT:
            return ElementKind::floating;
        case H5T_STRING:
            return ElementKind::text;
        case H5T_ENUM:
            return H5Tget_size(type) == 1 && H5Tget_nmembers(type) == 2 ? ElementKind::boolean : ElementKind::other;
        default:
            return ElementKind::other;
    }
}

/// An open file and how to name places in it.
struct Hdf5File {
    Handle handle;
    std::string name;
    std::uint64_t bytes = 0;
    /// How many bytes of texts may still be read. Texts that share their bytes could be more than any memory holds.
    mutable std::uint64_t text_bytes = 0;
    std::unordered_map<std::uint64_t, ChunkPlaces> plain_chunks{};  ///< StructureWalk::plain_chunks()

    /// @throws InputError, "FILE: PLACE: TEXT".
    template <class... Parts>
    [[noreturn]] void fail(std::string_view place, const Parts&... parts) const {
        throw InputError(message(name, ": ", place, ": ", parts...));
    }
};

inline Hdf5File open_hdf5(const std::filesystem::path& path) {
    Hdf5File file;
    file.name = path.string();
    std::error_code code;
    file.bytes = std::filesystem::file_size(path, code);
    file.text_bytes = 4 * file.bytes;
    if (const auto declared = declared_bytes(path); declared > file.bytes)
        throw InputError(message(file.name, ": is cut short: has ", file.bytes, " of the ", declared,
                                 " bytes that it says; expected a whole HDF5 file"));
    StructureWalk structure(path, file.bytes);
    const auto damage = structure.damage();
    const auto numbers = damage ? std::vector<FileRange>() : structure.numbers();
    if (const auto heap = damaged_heap(path, file.bytes, numbers))  // what texts are missing by, where that is it
        throw InputError(
            message(file.name, ": the heap of texts at byte ", *heap, " is damaged; expected a whole HDF5 file"));
    if (damage)
        throw InputError(
            message(file.name, ": the structure at byte ", *damage, " is damaged; expected a whole HDF5 file"));
    file.plain_chunks = structure.plain_chunks();
    register_lzf();
    const Handle access(H5Pcreate(H5P_FILE_ACCESS));
#if (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0)) || H5_VERSION_GE(1, 12, 1)
    // Reading needs no lock, and many network file systems have none.
    H5Pset_file_locking(access.get(), false, true);
#endif
    file.handle = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()));
    if (!file.handle.valid())
        throw InputError(
            message(file.name, ": cannot be opened as HDF5 (", hdf5_reason(), "); expected a whole HDF5 file"));
    return file;
}

/// The name under a parent's, as in "X/data".
inline std::string join(std::string_view parent, std::string_view child) {
    return parent.empty() ? std::string(child) : message(parent, "/", child);
}

/// True where `parent` has a link of that name (no path).
inline bool has(hid_t parent, const std::string& name) {
    return !name.empty() && H5Lexists(parent, name.c_str(), H5P_DEFAULT) > 0;
}

/// Opens what lies under a name: a group or a dataset. Invalid where there is neither, and where a link leads out of
/// the file: a file must not choose what else is read.
inline Handle open_object(hid_t parent, const std::string& name) {
    if (!has(parent, name)) return {};
    const Handle access(H5Pcreate(H5P_LINK_ACCESS));
    H5Pset_elink_cb(
        access.get(),
        [](const char*, const char*, const char*, const char*, unsigned*, hid_t, void*) -> herr_t { return -1; },
        nullptr);
    return Handle(H5Oopen(parent, name.c_str(), access.get()));
}

inline bool is_group(const Handle& object) { return object.valid() && H5Iget_type(object.get()) == H5I_GROUP; }
inline bool is_dataset(const Handle& object) { return object.valid() && H5Iget_type(object.get()) == H5I_DATASET; }

/// The names in a group, in alphabetical order.
inline std::vector<std::string> members(hid_t group) {
    std::vector<std::string> names;
    H5G_info_t information{};
    if (H5Gget_info(group, &information) < 0) return names;
    for (hsize_t k = 0; k < information.nlinks; ++k) {
        const auto length = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, k, nullptr, 0, H5P_DEFAULT);
        if (length < 0 || length > 65535) break;
        std::string name(static_cast<std::size_t>(length) + 1, '\0');
        H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, k, name.data(), name.size(), H5P_DEFAULT);
        name.pop_back();
        names.push_back(std::move(name));
    }
    return names;
}

/// Why a filter that this build of HDF5 lacks is needed, in the words its users know.
inline std::string filter_name(H5Z_filter_t filter) {
    switch (filter) {
        case 4:
            return "szip";
        case lzf_number:
            return "LZF";
        case 32001:
            return "Blosc";
        case 32004:
            return "LZ4";
        case 32008:
            return "bitshuffle";
        case 32015:
            return "Zstandard";
        case 32026:
            return "Blosc2";
        default:
            return message("number ", filter);
    }
}

/// A dataset whose declared size has been held against what the file can contain.
class Dataset {
public:
    /// @param place the name in errors, as in "obs/cell_type/codes"
    Dataset(const Hdf5File& file, hid_t parent, const std::string& name, std::string place)
        : file_(&file), place_(std::move(place)), handle_(open_object(parent, name)) {
        if (!is_dataset(handle_)) {
            handle_ = Handle();
            file.fail(place_, "is missing or no dataset; expected a dataset of that name");
        }
        type_ = Handle(H5Dget_type(handle_.get()));
        const Handle space(H5Dget_space(handle_.get()));
        const int rank = H5Sget_simple_extent_ndims(space.get());
        if (!type_.valid() || rank < 0)
            file.fail(place_, "cannot be opened (", hdf5_reason(), "); expected a readable dataset");
        shape_.resize(static_cast<std::size_t>(rank));
        if (rank > 0) H5Sget_simple_extent_dims(space.get(), shape_.data(), nullptr);
        chunk_.assign(shape_.size(), 0);
        kind_ = element_kind(type_.get());
        check_storage();
    }

    [[nodiscard]] const std::vector<hsize_t>& shape() const { return shape_; }
    [[nodiscard]] ElementKind kind() const { return kind_; }
    [[nodiscard]] hid_t get() const { return handle_.get(); }
    [[nodiscard]] hid_t type() const { return type_.get(); }
    [[nodiscard]] std::size_t element_size() const { return H5Tget_size(type_.get()); }
    [[nodiscard]] const std::string& place() const { return place_; }
    [[nodiscard]] const Hdf5File& file() const { return *file_; }
    /// In the order in which they were applied.
    [[nodiscard]] const std::vector<H5Z_filter_t>& filters() const { return filters_; }
    /// The chunk's length along a dimension, 0 where the dataset is in one piece.
    [[nodiscard]] hsize_t chunk(std::size_t dimension) const { return chunk_[dimension]; }

    [[nodiscard]] std::size_t length() const {
        if (shape_.size() != 1) file_->fail(place_, "has ", shape_.size(), " dimensions; expected one");
        return static_cast<std::size_t>(shape_[0]);
    }

    void require_length(std::size_t expected, std::string_view why) const {
        if (length() != expected) file_->fail(place_, "has ", length(), " values; expected ", expected, ", ", why);
    }

    void require_numbers() const {
        if (kind_ == ElementKind::text || kind_ == ElementKind::other)
            file_->fail(place_, "holds no numbers; expected integers or floating-point numbers");
    }

    /// Reads `counts` elements from `start` (one each dimension) as the type `memory_type`.
    void read(const std::vector<hsize_t>& start, const std::vector<hsize_t>& counts, hid_t memory_type, void* to,
              hid_t transfer = H5P_DEFAULT) const {
        if (std::find(counts.begin(), counts.end(), hsize_t{0}) != counts.end()) return;
        const Handle space(H5Dget_space(handle_.get()));
        const Handle memory(H5Screate_simple(static_cast<int>(counts.size()), counts.data(), nullptr));
        if (!counts.empty())
            H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, counts.data(), nullptr);
        if (H5Dread(handle_.get(), memory_type, memory.get(), space.get(), transfer, to) < 0)
            file_->fail(place_, "cannot be read (", hdf5_reason(), "); expected undamaged data");
    }

    /// Calls use(start, values, count) for consecutive blocks of a one-dimensional dataset.
    template <class Value, class Use>
    void for_each_block(std::vector<Value>& buffer, const Use& use) const {
        const std::size_t size = length();
        const std::size_t block = block_length(std::size_t{1} << 17);
        for (std::size_t start = 0; start < size; start += block) {
            const std::size_t count = std::min(block, size - start);
            buffer.resize(count);
            read({start}, {count}, native_type<Value>(), buffer.data());
            use(start, buffer.data(), count);
        }
    }

    template <class Value>
    [[nodiscard]] std::vector<Value> read_all() const {
        require_numbers();
        std::vector<Value> all;
        std::vector<Value> buffer;
        all.reserve(length());
        for_each_block(buffer, [&](std::size_t, const Value* values, std::size_t count) {
            all.insert(all.end(), values, values + count);
        });
        return all;
    }

    /// About `wanted` elements, whole chunks, so that no chunk is decompressed twice.
    [[nodiscard]] std::size_t block_length(std::size_t wanted) const {
        const auto chunk = static_cast<std::size_t>(chunk_[0]);
        constexpr std::size_t most = std::size_t{1} << 22;
        if (chunk == 0 || chunk > most) return wanted;
        return (wanted + chunk - 1) / chunk * chunk;
    }

private:
    /// Refuses data outside the file, filters that are missing, and sizes that the bytes in the file cannot make up:
    /// deflate shrinks a thousand times at best. What was never written takes no room and is small where it is honest.
    void check_storage() {
        const Handle properties(H5Dget_create_plist(handle_.get()));
        if (H5Pget_layout(properties.get()) == H5D_VIRTUAL || H5Pget_external_count(properties.get()) > 0)
            file_->fail(place_, "has its data in another file; expected the data themselves");
        const int filters = H5Pget_nfilters(properties.get());
        for (int k = 0; k < filters; ++k) {
            unsigned flags = 0;
            std::size_t parameters = 0;
            char name[1] = {0};
            const H5Z_filter_t filter = H5Pget_filter2(properties.get(), static_cast<unsigned>(k), &flags, &parameters,
                                                       nullptr, 0, name, nullptr);
            filters_.push_back(filter);
            if (filter >= 0 && H5Zfilter_avail(filter) <= 0)
                file_->fail(place_, "is compressed with the filter ", filter_name(filter),
                            ", which this build of HDF5 lacks; expected gzip or no compression");
        }
        const double element = static_cast<double>(std::max<std::size_t>(1, H5Tget_size(type_.get())));
        const double stored =
            static_cast<double>(std::min<std::uint64_t>(H5Dget_storage_size(handle_.get()), file_->bytes));
        const double unwritten = kind_ == ElementKind::text ? 0x1p17 : shape_.size() == 1 ? 0x1p20 : 0x1p24;
        const double possible = (filters > 0 ? 1040.0 : 1.0) * stored / element + unwritten;
        double declared = 1;
        for (const hsize_t size : shape_) declared *= static_cast<double>(size);
        if (!(declared <= possible))
            file_->fail(place_, "declares ", declared, " values, but the file has ", stored,
                        " bytes for them; expected a size that the data can fill");
        if (!(element <= static_cast<double>(file_->bytes)))
            file_->fail(place_, "declares values of ", element,
                        " bytes, more than the file has; expected smaller ones");
        if (H5Pget_layout(properties.get()) != H5D_CHUNKED || shape_.empty()) return;
        H5Pget_chunk(properties.get(), static_cast<int>(chunk_.size()), chunk_.data());
        double chunk_bytes = element;
        for (const hsize_t size : chunk_) chunk_bytes *= static_cast<double>(size);
        if (!(chunk_bytes <= 0x1p24 + 1040.0 * static_cast<double>(file_->bytes)))
            file_->fail(place_, "declares chunks of ", chunk_bytes,
                        " bytes, more than the file can hold; expected smaller chunks");
    }

    const Hdf5File* file_;
    std::string place_;
    Handle handle_;
    Handle type_;
    std::vector<hsize_t> shape_;
    std::vector<hsize_t> chunk_;
    std::vector<H5Z_filter_t> filters_;
    ElementKind kind_ = ElementKind::other;
};

/// What an attribute may have at most; honest ones have some hundred bytes.
inline constexpr std::size_t most_attribute_bytes = std::size_t{1} << 20;

/// An attribute that holds one text, or nothing where there is none such.
inline std::optional<std::string> text_attribute(hid_t object, const char* name) {
    if (H5Aexists(object, name) <= 0) return std::nullopt;
    const Handle attribute(H5Aopen(object, name, H5P_DEFAULT));
    const Handle type(H5Aget_type(attribute.get()));
    const Handle space(H5Aget_space(attribute.get()));
    if (!type.valid() || H5Tget_class(type.get()) != H5T_STRING || H5Sget_simple_extent_npoints(space.get()) != 1)
        return std::nullopt;
    if (H5Tis_variable_str(type.get()) > 0) {
        char* text = nullptr;
        if (H5Aread(attribute.get(), type.get(), &text) < 0 || text == nullptr) return std::nullopt;
        std::string result(text);
        H5free_memory(text);
        return result;
    }
    if (H5Tget_size(type.get()) > most_attribute_bytes) return std::nullopt;
    std::string text(H5Tget_size(type.get()), '\0');
    if (H5Aread(attribute.get(), type.get(), text.data()) < 0) return std::nullopt;
    return text.substr(0, text.find('\0'));
}

/// An attribute that holds a list of texts; empty where it is anything else.
inline std::vector<std::string> texts_attribute(hid_t object, const char* name) {
    std::vector<std::string> texts;
    if (H5Aexists(object, name) <= 0) return texts;
    const Handle attribute(H5Aopen(object, name, H5P_DEFAULT));
    const Handle type(H5Aget_type(attribute.get()));
    const Handle space(H5Aget_space(attribute.get()));
    const auto count = static_cast<std::size_t>(std::max<hssize_t>(0, H5Sget_simple_extent_npoints(space.get())));
    if (!type.valid() || H5Tget_class(type.get()) != H5T_STRING || count == 0 ||
        count > most_attribute_bytes / std::max<std::size_t>(1, H5Tget_size(type.get())))
        return texts;
    if (H5Tis_variable_str(type.get()) > 0) {
        std::vector<char*> pointers(count, nullptr);
        if (H5Aread(attribute.get(), type.get(), pointers.data()) < 0) return texts;
        for (char* text : pointers) {
            texts.emplace_back(text == nullptr ? "" : text);
            if (text != nullptr) H5free_memory(text);
        }
        return texts;
    }
    const std::size_t width = H5Tget_size(type.get());
    std::vector<char> buffer(count * width);
    if (H5Aread(attribute.get(), type.get(), buffer.data()) < 0) return texts;
    for (std::size_t k = 0; k < count; ++k) {
        const std::string_view text(buffer.data() + k * width, width);
        texts.emplace_back(text.substr(0, text.find('\0')));
    }
    return texts;
}

/// An attribute of whole numbers; empty where it is anything else or of more than 32.
inline std::vector<std::int64_t> integers_attribute(hid_t object, const char* name) {
    std::vector<std::int64_t> numbers;
    if (H5Aexists(object, name) <= 0) return numbers;
    const Handle attribute(H5Aopen(object, name, H5P_DEFAULT));
    const Handle type(H5Aget_type(attribute.get()));
    const Handle space(H5Aget_space(attribute.get()));
    const auto count = H5Sget_simple_extent_npoints(space.get());
    const auto kind = element_kind(type.get());
    if ((kind != ElementKind::integer && kind != ElementKind::boolean) || count < 1 || count > 32) return numbers;
    numbers.resize(static_cast<std::size_t>(count));
    if (H5Aread(attribute.get(), H5T_NATIVE_INT64, numbers.data()) < 0) numbers.clear();
    return numbers;
}

}  // namespace cellvae::io_detail

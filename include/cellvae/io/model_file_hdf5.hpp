// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cellvae/io/hdf5.hpp"
#include "cellvae/io/hdf5_texts.hpp"
#include "cellvae/io/model_file_options.hpp"

// The model file's groups, arrays and attributes. Everything in it has a checksum: HDF5 1.10's metadata by themselves,
// arrays by the filter fletcher32. Texts have a fixed width, since HDF5's heaps of texts have none.

namespace cellvae::io_detail {

inline Handle fixed_text_type(std::size_t width) {
    Handle type(H5Tcopy(H5T_C_S1));
    H5Tset_size(type.get(), std::max<std::size_t>(width, 1));
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
    return type;
}

/// Texts one after another, each `width` bytes long.
inline std::pair<std::string, std::size_t> padded(const std::vector<std::string>& texts) {
    std::size_t width = 1;
    for (const auto& text : texts) width = std::max(width, text.size());
    std::string bytes(texts.size() * width, '\0');
    for (std::size_t k = 0; k < texts.size(); ++k) texts[k].copy(bytes.data() + k * width, width);
    return {std::move(bytes), width};
}

class ModelFileWriter {
public:
    ModelFileWriter(std::string name, hid_t file) : name_(std::move(name)), file_(file) {}

    /// The group of that path; it is made where it is not there.
    Handle group(const std::string& path) const {
        Handle at = check(Handle(H5Gopen2(file_, "/", H5P_DEFAULT)), "/");
        const Handle creation(H5Pcreate(H5P_GROUP_CREATE));
        H5Pset_obj_track_times(creation.get(), false);
        for (std::size_t begin = 0; begin < path.size();) {
            const std::size_t end = std::min(path.find('/', begin), path.size());
            const std::string part = path.substr(begin, end - begin);
            at = check(has(at.get(), part)
                           ? Handle(H5Gopen2(at.get(), part.c_str(), H5P_DEFAULT))
                           : Handle(H5Gcreate2(at.get(), part.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT)),
                       path);
            begin = end + 1;
        }
        return at;
    }

    template <class Value>
    void array(const std::string& path, hid_t file_type, const Value* values, const std::vector<hsize_t>& shape) const {
        dataset(path, file_type, native_type<Value>(), values, shape);
    }

    void texts(const std::string& path, const std::vector<std::string>& values) const {
        const auto [bytes, width] = padded(values);
        const Handle type = fixed_text_type(width);
        dataset(path, type.get(), type.get(), bytes.data(), {values.size()});
    }

    void options(const std::string& path, const OptionTable& table) const {
        const Handle to = group(path);
        for (const auto& [name, value] : table) attribute(to.get(), name, value);
    }

    void attribute(hid_t object, const std::string& name, const OptionValue& value) const {
        const Handle scalar(H5Screate(H5S_SCALAR));
        std::visit(
            [&](const auto& held) {
                using Value = std::decay_t<decltype(held)>;
                if constexpr (std::is_same_v<Value, bool>) {
                    const Handle type(H5Tenum_create(H5T_NATIVE_INT8));  // h5py shows it as bool
                    const std::int8_t flags[2] = {0, 1};
                    H5Tenum_insert(type.get(), "FALSE", &flags[0]);
                    H5Tenum_insert(type.get(), "TRUE", &flags[1]);
                    put(object, name, type.get(), type.get(), scalar, &flags[held ? 1 : 0]);
                } else if constexpr (std::is_same_v<Value, std::int64_t>) {
                    put(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, scalar, &held);
                } else if constexpr (std::is_same_v<Value, std::uint64_t>) {
                    put(object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, scalar, &held);
                } else if constexpr (std::is_same_v<Value, double>) {
                    put(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, scalar, &held);
                } else if constexpr (std::is_same_v<Value, std::string>) {
                    const Handle type = fixed_text_type(held.size());
                    put(object, name, type.get(), type.get(), scalar, held.c_str());
                } else {
                    const hsize_t count = held.size();
                    const Handle list(H5Screate_simple(1, &count, nullptr));
                    if constexpr (std::is_same_v<Value, std::vector<std::int64_t>>) {
                        put(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, list, held.data());
                    } else {
                        const auto [bytes, width] = padded(held);
                        const Handle type = fixed_text_type(width);
                        put(object, name, type.get(), type.get(), list, bytes.data());
                    }
                }
            },
            value);
    }

private:
    [[noreturn]] void fail(std::string_view place) const {
        throw InputError(
            message(name_, ": ", place, ": cannot be composed (", hdf5_reason(), "); expected enough free memory"));
    }

    Handle check(Handle handle, std::string_view place) const {
        if (!handle.valid()) fail(place);
        return handle;
    }

    void put(hid_t object, const std::string& name, hid_t file_type, hid_t memory_type, const Handle& space,
             const void* value) const {
        const Handle made =
            check(Handle(H5Acreate2(object, name.c_str(), file_type, space.get(), H5P_DEFAULT, H5P_DEFAULT)), name);
        if (H5Sget_simple_extent_npoints(space.get()) > 0 && H5Awrite(made.get(), memory_type, value) < 0) fail(name);
    }

    void dataset(const std::string& path, hid_t file_type, hid_t memory_type, const void* values,
                 const std::vector<hsize_t>& shape) const {
        const std::size_t slash = path.rfind('/');
        const Handle parent = group(slash == std::string::npos ? "" : path.substr(0, slash));
        const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
        const Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr));
        const Handle properties(H5Pcreate(H5P_DATASET_CREATE));
        H5Pset_obj_track_times(properties.get(), false);
        const bool empty = std::find(shape.begin(), shape.end(), hsize_t{0}) != shape.end();
        if (!empty) {
            // HDF5 writes a chunk by way of two copies of it
            constexpr hsize_t chunk_bytes = 1 << 20;
            std::vector<hsize_t> chunk(shape);
            hsize_t row = H5Tget_size(file_type);
            for (std::size_t k = 1; k < shape.size(); ++k) row *= shape[k];
            chunk[0] = std::min(shape[0], std::max<hsize_t>(1, chunk_bytes / row));
            H5Pset_chunk(properties.get(), static_cast<int>(chunk.size()), chunk.data());
            H5Pset_fletcher32(properties.get());
        }
        const Handle made = check(Handle(H5Dcreate2(parent.get(), name.c_str(), file_type, space.get(), H5P_DEFAULT,
                                                    properties.get(), H5P_DEFAULT)),
                                  path);
        if (!empty && H5Dwrite(made.get(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) fail(path);
    }

    std::string name_;
    hid_t file_;
};

/// Reads what ModelFileWriter wrote. Every function throws InputError, naming the file and the place.
class ModelFileReader {
public:
    explicit ModelFileReader(const std::filesystem::path& path) : file_(open_hdf5(path)) {}

    [[nodiscard]] const std::string& name() const { return file_.name; }
    [[nodiscard]] std::uint64_t bytes() const { return file_.bytes; }  ///< of the whole file

    [[nodiscard]] bool has_group(const std::string& path) const { return is_group(open(path)); }

    /// Of the file itself.
    [[nodiscard]] bool has_attribute(const char* name) const {
        return H5Aexists_by_name(file_.handle.get(), "/", name, H5P_DEFAULT) > 0;
    }

    [[nodiscard]] OptionTable options(const std::string& path) const {
        const Handle group = path.empty() ? Handle(H5Gopen2(file_.handle.get(), "/", H5P_DEFAULT)) : open(path);
        if (!is_group(group)) file_.fail(path.empty() ? "/" : path, "is missing; expected a whole model file");
        OptionTable table;
        H5O_info_t information{};
#if H5_VERSION_GE(1, 12, 0) && !defined(H5_USE_110_API)
        const bool known = H5Oget_info3(group.get(), &information, H5O_INFO_NUM_ATTRS) >= 0;
#else
        const bool known = H5Oget_info(group.get(), &information) >= 0;
#endif
        for (hsize_t k = 0; known && k < information.num_attrs; ++k) {
            const Handle attribute(
                H5Aopen_by_idx(group.get(), ".", H5_INDEX_NAME, H5_ITER_INC, k, H5P_DEFAULT, H5P_DEFAULT));
            if (!attribute.valid()) file_.fail(path, "has an attribute that cannot be read; expected undamaged data");
            const auto length = H5Aget_name(attribute.get(), 0, nullptr);
            std::string name(static_cast<std::size_t>(std::max<ssize_t>(length, 0)) + 1, '\0');
            H5Aget_name(attribute.get(), name.size(), name.data());
            name.pop_back();
            table.emplace_back(name, value_of(attribute, join(path, name)));
        }
        return table;
    }

    [[nodiscard]] std::vector<std::string> texts(const std::string& path) const { return read_texts(dataset(path)); }

    void require_shape(const std::string& path, const std::vector<hsize_t>& shape) const {
        const auto found = this->shape(path);
        if (found != shape) file_.fail(path, "is of ", in_words(found), "; the model wants ", in_words(shape));
    }

    /// @param shape that it must have
    template <class Value>
    void array(const std::string& path, const std::vector<hsize_t>& shape, Value* to) const {
        require_shape(path, shape);
        const auto found = dataset(path);
        found.require_numbers();
        found.read(std::vector<hsize_t>(shape.size(), 0), shape, native_type<Value>(), to);
    }

    template <class Value>
    [[nodiscard]] std::vector<Value> list(const std::string& path) const {
        const auto found = dataset(path);
        std::vector<Value> values(found.length());
        array(path, {values.size()}, values.data());
        return values;
    }

    [[nodiscard]] std::vector<hsize_t> shape(const std::string& path) const { return dataset(path).shape(); }

    [[nodiscard]] bool has_array(const std::string& path) const { return is_dataset(open(path)); }

    template <class... Parts>
    [[noreturn]] void fail(std::string_view place, const Parts&... parts) const {
        file_.fail(place, parts...);
    }

private:
    static std::string in_words(const std::vector<hsize_t>& shape) {
        std::string text;
        for (const hsize_t size : shape) text += message(text.empty() ? "" : " x ", size);
        return text.empty() ? "one value" : text + " values";
    }

    /// The object of that path, invalid where there is none; the last part may be anything. Fails where there is one
    /// that cannot be opened: what is damaged is not missing.
    [[nodiscard]] Handle open(const std::string& path) const {
        Handle at(H5Gopen2(file_.handle.get(), "/", H5P_DEFAULT));
        for (std::size_t begin = 0; begin < path.size() && at.valid();) {
            const std::size_t end = std::min(path.find('/', begin), path.size());
            if (!is_group(at)) return Handle();
            const std::string part = path.substr(begin, end - begin);
            Handle next = open_object(at.get(), part);
            if (!next.valid() && H5Lexists(at.get(), part.c_str(), H5P_DEFAULT) != 0)
                file_.fail(path, "cannot be opened (", hdf5_reason(), "); expected undamaged data");
            at = std::move(next);
            begin = end + 1;
        }
        return at;
    }

    [[nodiscard]] Dataset dataset(const std::string& path) const {
        const std::size_t slash = path.rfind('/');
        const Handle parent = open(slash == std::string::npos ? "" : path.substr(0, slash));
        if (!is_group(parent)) file_.fail(path, "is missing; expected a whole model file");
        return Dataset(file_, parent.get(), slash == std::string::npos ? path : path.substr(slash + 1), path);
    }

    [[nodiscard]] OptionValue value_of(const Handle& attribute, const std::string& place) const {
        const Handle type(H5Aget_type(attribute.get()));
        const Handle space(H5Aget_space(attribute.get()));
        const bool scalar = H5Sget_simple_extent_type(space.get()) == H5S_SCALAR;
        const auto count = H5Sget_simple_extent_npoints(space.get());
        const auto width = type.valid() ? H5Tget_size(type.get()) : 0;
        const auto read = [&](hid_t memory_type, void* to) {
            if (count > 0 && H5Aread(attribute.get(), memory_type, to) < 0)
                file_.fail(place, "cannot be read (", hdf5_reason(), "); expected undamaged data");
        };
        if (!type.valid() || count < 0 || width == 0 || static_cast<std::uint64_t>(count) > file_.bytes / width)
            file_.fail(place, "is no attribute of a model file");
        switch (element_kind(type.get())) {
            case ElementKind::boolean: {
                std::int8_t flag = 0;
                if (scalar) read(type.get(), &flag);
                return flag != 0;
            }
            case ElementKind::floating: {
                double number = 0;
                if (scalar) read(H5T_NATIVE_DOUBLE, &number);
                return number;
            }
            case ElementKind::text: {
                if (H5Tis_variable_str(type.get()) > 0) break;
                std::string bytes(static_cast<std::size_t>(count) * width, '\0');
                read(type.get(), bytes.data());
                std::vector<std::string> list;
                for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k)
                    list.emplace_back(bytes.substr(k * width, width).c_str());
                if (scalar) return list.at(0);
                return list;
            }
            case ElementKind::integer: {
                std::uint64_t natural = 0;
                if (scalar && H5Tget_sign(type.get()) == H5T_SGN_NONE) {
                    read(H5T_NATIVE_UINT64, &natural);
                    return natural;
                }
                std::vector<std::int64_t> list(static_cast<std::size_t>(count));
                read(H5T_NATIVE_INT64, list.data());
                if (scalar) return list.at(0);
                return list;
            }
            default:
                break;
        }
        file_.fail(place, "is of a type that no model file has");
    }

    Hdf5File file_;
};

}  // namespace cellvae::io_detail

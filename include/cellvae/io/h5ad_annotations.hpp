// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/io/hdf5.hpp"
#include "cellvae/io/hdf5_texts.hpp"

/// Reads the tables obs and var of an h5ad file, in anndata's present form and in the one before 0.8.
namespace cellvae::io_detail {

/// A dataset's values as texts, whatever they are: names and categories may be numbers.
inline std::vector<std::string> read_as_texts(const Dataset& dataset) {
    if (dataset.kind() == ElementKind::text) return read_texts(dataset);
    std::vector<std::string> texts;
    texts.reserve(dataset.length());
    if (dataset.kind() == ElementKind::floating) {
        for (const double number : dataset.read_all<double>()) texts.push_back(number_text(number));
    } else {
        const bool flag = dataset.kind() == ElementKind::boolean;
        for (const auto number : dataset.read_all<std::int64_t>())
            texts.push_back(flag ? (number != 0 ? "True" : "False") : std::to_string(number));
    }
    return texts;
}

/// @param ordered where the attribute of that name is
inline Categorical read_categorical(const Dataset& codes, std::vector<std::string> categories, hid_t ordered) {
    Categorical result;
    result.categories = std::move(categories);
    const auto flag = integers_attribute(ordered, "ordered");
    result.ordered = !flag.empty() && flag.front() != 0;
    codes.require_numbers();
    const auto size = static_cast<std::int64_t>(result.categories.size());
    result.codes.reserve(codes.length());
    std::vector<std::int64_t> buffer;
    codes.for_each_block(buffer, [&](std::size_t start, const std::int64_t* values, std::size_t count) {
        for (std::size_t k = 0; k < count; ++k) {
            if (values[k] < -1 || values[k] >= size)
                codes.file().fail(codes.place(), "code ", values[k], " at position ", start + k, ", but there are ",
                                  size, " categories; expected -1 (missing) to ", size - 1);
            result.codes.push_back(static_cast<std::int32_t>(values[k]));
        }
    });
    return result;
}

/// A list of names: a dataset, or, of pandas' own strings, a group of values and mask.
inline std::vector<std::string> read_names(const Hdf5File& file, hid_t parent, const std::string& name,
                                           const std::string& place) {
    const Handle object = open_object(parent, name);
    if (is_group(object) && has(object.get(), "values"))
        return read_as_texts(Dataset(file, object.get(), "values", join(place, "values")));
    return read_as_texts(Dataset(file, parent, name, place));
}

/// Values of a column without a mask.
inline std::optional<ColumnValues> read_plain_column(const Dataset& dataset) {
    switch (dataset.kind()) {
        case ElementKind::text:
            return read_texts(dataset);
        case ElementKind::floating:
            return dataset.read_all<double>();
        case ElementKind::boolean: {
            std::vector<bool> flags;
            for (const auto value : dataset.read_all<std::int8_t>()) flags.push_back(value != 0);
            return flags;
        }
        case ElementKind::integer:
            // Unsigned numbers of 64 bits pass int64's range.
            if (dataset.element_size() == 8 && H5Tget_sign(dataset.type()) == H5T_SGN_NONE)
                return dataset.read_all<double>();
            return dataset.read_all<std::int64_t>();
        default:
            return std::nullopt;
    }
}

/// Values with a mask (nullable integers, flags, texts). Where one is missing, numbers and flags become doubles with
/// NaN, texts empty.
inline std::optional<ColumnValues> read_masked_column(const Dataset& values, const Dataset& mask, std::size_t size) {
    values.require_length(size, "one for each row of the table");
    mask.require_length(size, "one for each row of the table");
    mask.require_numbers();
    const auto missing = mask.read_all<std::int8_t>();
    if (std::find_if(missing.begin(), missing.end(), [](auto flag) { return flag != 0; }) == missing.end())
        return read_plain_column(values);
    if (values.kind() == ElementKind::text) {
        auto texts = read_texts(values);
        for (std::size_t k = 0; k < size; ++k)
            if (missing[k] != 0) texts[k].clear();
        return texts;
    }
    if (values.kind() == ElementKind::other) return std::nullopt;
    auto numbers = values.read_all<double>();
    for (std::size_t k = 0; k < size; ++k)
        if (missing[k] != 0) numbers[k] = std::numeric_limits<double>::quiet_NaN();
    return numbers;
}

/// One column; nothing where its form is not known.
inline std::optional<ColumnValues> read_column(const Hdf5File& file, hid_t table, const std::string& name,
                                               const std::string& place, std::size_t size) {
    const std::string column_place = join(place, name);
    const Handle object = open_object(table, name);
    if (is_group(object)) {
        const hid_t group = object.get();
        if (has(group, "codes") && has(group, "categories")) {
            const Dataset codes(file, group, "codes", join(column_place, "codes"));
            codes.require_length(size, "one for each row of the table");
            return read_categorical(codes, read_names(file, group, "categories", join(column_place, "categories")),
                                    group);
        }
        if (has(group, "values") && has(group, "mask")) {
            const Dataset values(file, group, "values", join(column_place, "values"));
            const Dataset mask(file, group, "mask", join(column_place, "mask"));
            return read_masked_column(values, mask, size);
        }
        return std::nullopt;
    }
    if (!is_dataset(object)) file.fail(column_place, "is named in column-order but missing; expected a column");
    const Dataset dataset(file, table, name, column_place);
    if (dataset.shape().size() != 1) return std::nullopt;
    dataset.require_length(size, "one for each row of the table");
    if (has(table, "__categories")) {  // before anndata 0.8
        const Handle old = open_object(table, "__categories");
        if (is_group(old) && has(old.get(), name)) {
            const Dataset categories(file, old.get(), name, join(join(place, "__categories"), name));
            return read_categorical(dataset, read_as_texts(categories), categories.get());
        }
    }
    return read_plain_column(dataset);
}

/// Reads a table of annotations. Columns of unknown form are named in `notes`.
inline Annotations read_annotations(const Hdf5File& file, hid_t parent, const std::string& name,
                                    const std::string& place, std::vector<std::string>& notes) {
    const Handle table = open_object(parent, name);
    if (is_dataset(table))
        file.fail(place,
                  "is a compound dataset, as anndata before 0.7 wrote it; expected a group (open the file with a "
                  "newer anndata and write it again)");
    if (!is_group(table)) file.fail(place, "is missing; expected the group that holds the names");
    Annotations result;
    const std::string index =
        text_attribute(table.get(), "_index").value_or(has(table.get(), "index") ? "index" : "_index");
    if (!has(table.get(), index))
        file.fail(join(place, index), "is missing; expected the names (the attribute _index of ", place,
                  " says under which name)");
    result.index_name = index;
    result.names = read_names(file, table.get(), index, join(place, index));
    const auto present = members(table.get());
    auto order = texts_attribute(table.get(), "column-order");
    for (const auto& member : present)
        if (std::find(order.begin(), order.end(), member) == order.end()) order.push_back(member);
    for (const auto& column : order) {
        if (column == index || column == "__categories") continue;
        if (auto values = read_column(file, table.get(), column, place, result.names.size()))
            result.set({column, std::move(*values)});
        else
            notes.push_back(message("left out: ", join(place, column), ", whose form is not known here"));
    }
    return result;
}

}  // namespace cellvae::io_detail

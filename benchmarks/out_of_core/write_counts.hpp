// SPDX-License-Identifier: Apache-2.0
// Writes an h5ad file of made-up counts that may be larger than memory.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "cellvae/core/random.hpp"
#include "cellvae/io/hdf5.hpp"

namespace cellvae_benchmarks {

/// Cells x genes, of which about `density` are not zero: gene g's count is above zero with a probability that falls
/// geometrically from four times the density to a quarter of it, and differs between ten kinds of cells; then it is 1
/// plus a geometric number. They are written as they come, a few million nonzeros at a time.
/// @param compression of gzip, 1 to 9; 0: none
inline void write_counts(const std::string& path, cellvae::Index cells, cellvae::Index genes, double density,
                         unsigned compression) {
    using namespace cellvae;
    using namespace cellvae::io_detail;
    constexpr Index kinds = 10;
    std::vector<std::uint32_t> limits(static_cast<std::size_t>(kinds * genes));
    double total = 0;
    for (Index gene = 0; gene < genes; ++gene)
        total += std::pow(16.0, -static_cast<double>(gene) / static_cast<double>(genes));
    for (Index kind = 0; kind < kinds; ++kind)
        for (Index gene = 0; gene < genes; ++gene) {
            const double level = std::pow(16.0, -static_cast<double>(gene) / static_cast<double>(genes)) *
                                 static_cast<double>(genes) / total;
            const double change = (gene * 7 + kind) % kinds == 0 ? 3 : 0.78;
            limits[static_cast<std::size_t>(kind * genes + gene)] =
                static_cast<std::uint32_t>(std::min(density * level * change, 0.9) * 4294967295.0);
        }

    const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
    if (!file.valid()) throw InputError(message(path, ": cannot be written; expected a folder with room"));
    const auto group = [&](const char* name) {
        return Handle(H5Gcreate2(file.get(), name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    };
    const auto text = [](const Handle& object, const char* name, const std::string& value) {
        const Handle type(H5Tcopy(H5T_C_S1));
        H5Tset_size(type.get(), value.size());
        const Handle space(H5Screate(H5S_SCALAR));
        const Handle attribute(H5Acreate2(object.get(), name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
        H5Awrite(attribute.get(), type.get(), value.data());
    };
    const auto growing = [&](const Handle& parent, const char* name, hid_t type) {
        const hsize_t none = 0, unlimited = H5S_UNLIMITED, chunk = hsize_t{1} << 16;
        const Handle space(H5Screate_simple(1, &none, &unlimited));
        const Handle properties(H5Pcreate(H5P_DATASET_CREATE));
        H5Pset_chunk(properties.get(), 1, &chunk);
        if (compression > 0) H5Pset_deflate(properties.get(), compression);
        return Handle(H5Dcreate2(parent.get(), name, type, space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT));
    };
    const auto append = [&](const Handle& dataset, hsize_t before, hsize_t count, hid_t type, const void* values) {
        const hsize_t size = before + count;
        H5Dset_extent(dataset.get(), &size);
        const Handle space(H5Dget_space(dataset.get()));
        H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, &before, nullptr, &count, nullptr);
        const Handle memory(H5Screate_simple(1, &count, nullptr));
        if (H5Dwrite(dataset.get(), type, memory.get(), space.get(), H5P_DEFAULT, values) < 0)
            throw InputError(message(path, ": cannot be written (", hdf5_reason(), "); expected room on the disk"));
    };
    const auto names = [&](const char* table_name, const char* prefix, Index count) {
        const Handle table = group(table_name);
        text(table, "_index", "_index");
        text(table, "encoding-type", "dataframe");
        const Handle type(H5Tcopy(H5T_C_S1));
        constexpr std::size_t width = 12;
        H5Tset_size(type.get(), width);
        const Handle dataset = growing(table, "_index", type.get());
        std::string all;
        Index written = 0;
        for (Index i = 0; i < count; ++i) {
            std::string name = prefix + std::to_string(i);
            name.resize(width, '\0');
            all += name;
            if (i + 1 - written == 65536 || i + 1 == count) {
                append(dataset, static_cast<hsize_t>(written), static_cast<hsize_t>(i + 1 - written), type.get(),
                       all.data());
                written = i + 1;
                all.clear();
            }
        }
    };
    names("obs", "cell", cells);
    names("var", "gene", genes);

    const Handle x = group("X");
    text(x, "encoding-type", "csr_matrix");
    text(x, "encoding-version", "0.1.0");
    const std::int64_t shape[2] = {cells, genes};
    const hsize_t two = 2;
    const Handle pair(H5Screate_simple(1, &two, nullptr));
    const Handle attribute(H5Acreate2(x.get(), "shape", H5T_NATIVE_INT64, pair.get(), H5P_DEFAULT, H5P_DEFAULT));
    H5Awrite(attribute.get(), H5T_NATIVE_INT64, shape);
    const Handle indices = growing(x, "indices", H5T_STD_I32LE);
    const Handle data = growing(x, "data", H5T_IEEE_F32LE);
    const Handle indptr = growing(x, "indptr", H5T_STD_I64LE);
    std::vector<std::int64_t> offsets{0};
    std::vector<GeneIndex> columns;
    std::vector<float> values;
    hsize_t nonzeros = 0, rows = 0;
    for (Index cell = 0; cell < cells; ++cell) {
        RandomStream random(1, Purpose::simulation, static_cast<std::uint32_t>(cell));
        const std::uint32_t* const limit = limits.data() + random.below(kinds) * static_cast<std::size_t>(genes);
        for (Index gene = 0; gene < genes; ++gene) {
            if (random() >= limit[gene]) continue;
            columns.push_back(static_cast<GeneIndex>(gene));
            float count = 1;
            while (random() < 0x60000000u) count += 1;
            values.push_back(count);
        }
        offsets.push_back(static_cast<std::int64_t>(nonzeros + columns.size()));
        if (columns.size() > (std::size_t{1} << 21) || cell + 1 == cells) {
            append(indices, nonzeros, columns.size(), H5T_NATIVE_INT32, columns.data());
            append(data, nonzeros, values.size(), H5T_NATIVE_FLOAT, values.data());
            append(indptr, rows, offsets.size(), H5T_NATIVE_INT64, offsets.data());
            nonzeros += columns.size();
            rows += offsets.size();
            offsets.clear();
            columns.clear();
            values.clear();
        }
    }
}

}  // namespace cellvae_benchmarks

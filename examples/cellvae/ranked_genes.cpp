// SPDX-License-Identifier: Apache-2.0
#include "ranked_genes.hpp"

#include <hdf5.h>

#include <cstddef>
#include <utility>

#include "cellvae/io/atomic_file.hpp"
#include "cellvae/io/h5ad.hpp"

namespace cellvae::program {

namespace {

using io_detail::H5adWriter;
using io_detail::Handle;

void write_text(const H5adWriter& writer, hid_t parent, const char* name, const std::string& text) {
    const char* const pointer = text.c_str();
    const Handle type = H5adWriter::text_type();
    const Handle dataset = writer.make_dataset(parent, name, type.get(), {});
    writer.check(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, &pointer), name);
    writer.encode(dataset.get(), "string", "0.2.0");
}

/// A table with a row a rank and a column a group: what numpy calls a record array.
template <class Value, class Of>
void write_records(const H5adWriter& writer, hid_t parent, const char* name, hid_t type,
                   std::span<const RankedGenes> groups, const Of& of) {
    const std::size_t ranks = groups.front().genes.size();
    const Handle record(H5Tcreate(H5T_COMPOUND, groups.size() * sizeof(Value)));
    std::vector<Value> values(ranks * groups.size());
    for (std::size_t g = 0; g < groups.size(); ++g) {
        H5Tinsert(record.get(), groups[g].group.c_str(), g * sizeof(Value), type);
        for (std::size_t rank = 0; rank < ranks; ++rank) values[rank * groups.size() + g] = of(groups[g].genes[rank]);
    }
    const Handle dataset = writer.make_dataset(parent, name, record.get(), {ranks});
    writer.check(H5Dwrite(dataset.get(), record.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), name);
    writer.encode(dataset.get(), "rec-array", "0.2.0");
}

/// The fields of a record are one message of an object's header, whose size is a multiple of 8 and has 16 bits; libhdf5
/// 1.10 writes 65532 bytes into a file that cannot be read. The message has 8 bytes and, in the longest of its forms,
/// 52 a field beside its name, which is ended by a zero and filled up to a multiple of 8.
constexpr std::size_t most_for_fields = 65528;

std::size_t bytes_of_fields(std::span<const std::string> names) {
    std::size_t bytes = 8;
    for (const auto& name : names) bytes += 52 + (name.size() / 8 + 1) * 8;
    return bytes;
}

}  // namespace

void check_ranked_groups(std::span<const std::string> groups, const std::string& column, const std::string& file) {
    for (const auto& group : groups)
        if (group.empty())
            throw OptionError(message(column, " has an empty value, which cannot be the name of a group in ", file,
                                      ": give those cells another value, or write CSV or TSV (--out FILE.csv)"));
    if (const auto bytes = bytes_of_fields(groups); bytes > most_for_fields)
        throw OptionError(message(column, ": the names of ", counted(groups.size(), "group"), " take ", bytes,
                                  " bytes in ", file, ", where HDF5 has room for ", most_for_fields,
                                  ": write CSV or TSV (--out FILE.csv)"));
}

void write_ranked_genes(const std::string& file, const CountMatrix& cells, std::span<const RankedGenes> groups,
                        std::span<const std::string> names, const std::string& groupby, const std::string& reference) {
    io_detail::check_writable(cells, {});
    const io_detail::QuietHdf5 quiet;
    AtomicFile target(file);
    io_detail::Hdf5Stream h5ad(target, file);
    {
        const H5adWriter writer(file, h5ad.get(), H5adExtras{}.compression);
        writer.write(cells, {});
        const Handle uns = writer.check(Handle(H5Gopen2(h5ad.get(), "uns", H5P_DEFAULT)), "uns");
        const Handle ranked = writer.make_group(uns.get(), "rank_genes_groups", "dict", "0.1.0");
        const Handle parameters = writer.make_group(ranked.get(), "params", "dict", "0.1.0");
        for (const auto& [name, text] :
             {std::pair{"groupby", groupby}, {"reference", reference}, {"method", std::string("cellvae")}})
            write_text(writer, parameters.get(), name, text);
        const Handle text = H5adWriter::text_type();
        write_records<const char*>(writer, ranked.get(), "names", text.get(), groups, [&](const GeneDifference& gene) {
            return names[static_cast<std::size_t>(gene.gene)].c_str();
        });
        const auto write = [&](const char* name, const auto& of) {
            write_records<double>(writer, ranked.get(), name, H5T_NATIVE_DOUBLE, groups, of);
        };
        write("scores", [](const GeneDifference& gene) { return gene.bayes_factor; });
        write("logfoldchanges", [](const GeneDifference& gene) { return gene.mean_change; });
        write("pvals", [](const GeneDifference& gene) { return 1 - gene.probability; });
        write("pvals_adj", [](const GeneDifference& gene) { return gene.expected_fdr; });
    }
    h5ad.commit();
}

}  // namespace cellvae::program

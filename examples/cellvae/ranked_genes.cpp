// SPDX-License-Identifier: Apache-2.0
#include "ranked_genes.hpp"

#include <hdf5.h>

#include <utility>

#include "cellvae/io/atomic_file.hpp"
#include "cellvae/io/h5ad.hpp"

namespace cellvae::program {

namespace {

using io_detail::H5adWriter;
using io_detail::Handle;

void write_text(const H5adWriter& writer, hid_t parent, const char* name, const std::string& text) {
    const char* const pointer = text.c_str();
    const Handle type = H5adWriter::text_type(), space(H5Screate(H5S_SCALAR));
    const Handle dataset = writer.check(
        Handle(H5Dcreate2(parent, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)), name);
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
    const hsize_t shape[] = {ranks};
    const Handle space(H5Screate_simple(1, shape, nullptr));
    const Handle dataset = writer.check(
        Handle(H5Dcreate2(parent, name, record.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)), name);
    writer.check(H5Dwrite(dataset.get(), record.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), name);
    writer.encode(dataset.get(), "rec-array", "0.2.0");
}

}  // namespace

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

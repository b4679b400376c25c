// SPDX-License-Identifier: Apache-2.0
#include "ranked_genes.hpp"

#include <hdf5.h>

#include <utility>

#include "cellvae/io/atomic_file.hpp"
#include "cellvae/io/h5ad.hpp"

namespace cellvae::program {

namespace {

using io_detail::Handle;

Handle checked(Handle handle, const std::string& file) {
    if (!handle.valid())
        throw InputError(message(file, ": uns/rank_genes_groups cannot be written (", io_detail::hdf5_reason(), ")"));
    return handle;
}

Handle text_type() {
    Handle type(H5Tcopy(H5T_C_S1));
    H5Tset_size(type.get(), H5T_VARIABLE);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    return type;
}

void put_text(hid_t object, const char* name, const std::string& text) {
    const char* const pointer = text.c_str();
    const Handle type = text_type(), space(H5Screate(H5S_SCALAR));
    const Handle attribute(H5Acreate2(object, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
    H5Awrite(attribute.get(), type.get(), &pointer);
}

void encode(hid_t object, const char* type, const char* version) {
    put_text(object, "encoding-type", type);
    put_text(object, "encoding-version", version);
}

Handle make_group(hid_t parent, const char* name, const std::string& file) {
    Handle group = checked(Handle(H5Gcreate2(parent, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)), file);
    encode(group.get(), "dict", "0.1.0");
    return group;
}

void write_text(hid_t parent, const char* name, const std::string& text, const std::string& file) {
    const char* const pointer = text.c_str();
    const Handle type = text_type(), space(H5Screate(H5S_SCALAR));
    const Handle dataset =
        checked(Handle(H5Dcreate2(parent, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)), file);
    if (H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, &pointer) < 0) checked(Handle(), file);
    encode(dataset.get(), "string", "0.2.0");
}

/// A table with a row a rank and a column a group: what numpy calls a record array.
template <class Value, class Of>
void write_records(hid_t parent, const char* name, hid_t type, std::span<const RankedGenes> groups, const Of& of,
                   const std::string& file) {
    const std::size_t ranks = groups.front().genes.size();
    const Handle record(H5Tcreate(H5T_COMPOUND, groups.size() * sizeof(Value)));
    std::vector<Value> values(ranks * groups.size());
    for (std::size_t g = 0; g < groups.size(); ++g) {
        H5Tinsert(record.get(), groups[g].group.c_str(), g * sizeof(Value), type);
        for (std::size_t rank = 0; rank < ranks; ++rank) values[rank * groups.size() + g] = of(groups[g].genes[rank]);
    }
    const hsize_t shape[] = {ranks};
    const Handle space(H5Screate_simple(1, shape, nullptr));
    const Handle dataset = checked(
        Handle(H5Dcreate2(parent, name, record.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)), file);
    if (H5Dwrite(dataset.get(), record.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
        checked(Handle(), file);
    encode(dataset.get(), "rec-array", "0.2.0");
}

}  // namespace

void write_ranked_genes(const std::string& file, const CountMatrix& cells, std::span<const RankedGenes> groups,
                        std::span<const std::string> names, const std::string& groupby, const std::string& reference) {
    AtomicFile whole(file);
    write_h5ad(whole.path(), cells);
    const io_detail::QuietHdf5 quiet;
    {
        Handle h5ad = checked(Handle(H5Fopen(whole.path().c_str(), H5F_ACC_RDWR, H5P_DEFAULT)), file);
        const Handle uns = checked(Handle(H5Gopen2(h5ad.get(), "uns", H5P_DEFAULT)), file);
        const Handle ranked = make_group(uns.get(), "rank_genes_groups", file);
        const Handle parameters = make_group(ranked.get(), "params", file);
        for (const auto& [name, text] :
             {std::pair{"groupby", groupby}, {"reference", reference}, {"method", std::string("cellvae")}})
            write_text(parameters.get(), name, text, file);
        const Handle text = text_type();
        write_records<const char*>(
            ranked.get(), "names", text.get(), groups,
            [&](const GeneDifference& gene) { return names[static_cast<std::size_t>(gene.gene)].c_str(); }, file);
        const auto write = [&](const char* name, const auto& of) {
            write_records<double>(ranked.get(), name, H5T_NATIVE_DOUBLE, groups, of, file);
        };
        write("scores", [](const GeneDifference& gene) { return gene.bayes_factor; });
        write("logfoldchanges", [](const GeneDifference& gene) { return gene.mean_change; });
        write("pvals", [](const GeneDifference& gene) { return 1 - gene.probability; });
        write("pvals_adj", [](const GeneDifference& gene) { return gene.expected_fdr; });
        if (!h5ad.close()) checked(Handle(), file);
    }
    whole.commit();
}

}  // namespace cellvae::program

// SPDX-License-Identifier: Apache-2.0
#include "model_files.hpp"

#include <cstddef>
#include <vector>

#include "cellvae/io/model_file.hpp"

namespace fuzz {
namespace {

constexpr std::size_t genes = 12;
constexpr std::size_t latent = 3;

}  // namespace

std::string read_model(const std::filesystem::path& path) {
    const cellvae::ModelDescription description = cellvae::read_model_description(path);
    const auto count = description.genes.size();
    if (description.options.latent < 1) return "the latent has no dimension";
    if (!description.options.mask.empty() &&
        description.options.mask.size() != count * static_cast<std::size_t>(description.options.latent))
        return "the mask is not of genes x latent";
    if (description.input == cellvae::Input::standardised &&
        (description.input_shift.size() != count || description.input_scale.size() != count))
        return "a shift and a scale for each gene are missing";
    const cellvae::io_detail::QuietHdf5 quiet;
    std::vector<float> weights(genes * latent);
    cellvae::io_detail::ModelFileReader(path).array("parameters/decoder/weights", {genes, latent}, weights.data());
    return {};
}

void write_model(const std::filesystem::path& path) {
    cellvae::ModelDescription description;
    description.type = "Vae<Mlp, StandardGaussian, Poisson>";
    description.likelihood = "Poisson";
    for (std::size_t gene = 0; gene < genes; ++gene) description.genes.push_back("gene" + std::to_string(gene));
    description.options.latent = latent;
    description.options.hidden = {4};
    description.options.mask.assign(genes * latent, 1);
    description.input = cellvae::Input::standardised;
    description.input_shift.assign(genes, 0.5);
    description.input_scale.assign(genes, 2);
    description.cells = 40;
    description.held_out = {1, 7, 9};
    description.label_names = {"B", "T"};
    description.program = "{}";
    cellvae::io_detail::write_file(path, [&](const cellvae::io_detail::ModelFileWriter& writer) {
        cellvae::io_detail::write_description(writer, description);
        const std::vector<float> weights(genes * latent, 0.25F);
        writer.array("parameters/decoder/weights", H5T_IEEE_F32LE, weights.data(), {genes, latent});
    });
}

}  // namespace fuzz

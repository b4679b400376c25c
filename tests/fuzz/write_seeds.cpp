// SPDX-License-Identifier: Apache-2.0
// Writes the whole files that fuzzing starts from, a folder for each reader: write_seeds FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "seeds.hpp"

namespace {

/// The reader, as the harness names it, that looks at a file of a seed.
std::string reader_of(const fuzz::Seed& seed, const fuzz::File& file) {
    const auto has = [&](const char* text) { return file.name.find(text) != std::string::npos; };
    if (seed.reader == fuzz::read_gene_sets) return "gene_sets";
    if (seed.reader == fuzz::read_model) return "model";
    if (file.content == fuzz::Content::hdf5) return has(".h5ad") ? "h5ad" : has(".loom") ? "loom" : "tenx_hdf5";
    return has(".mtx") ? "mex" : "delimited";
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) {
        std::printf("use: write_seeds FOLDER\n");
        return 2;
    }
    for (const auto& seed : fuzz::SeedMaker().make())
        for (const auto& file : seed.files) {
            const auto folder = std::filesystem::path(arguments[1]) / reader_of(seed, file);
            std::filesystem::create_directories(folder);
            std::ofstream(folder / (seed.folder ? seed.name + "-" + file.name : file.name), std::ios::binary)
                << file.bytes;
        }
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Writes the whole files that fuzzing starts from, a folder for each harness: write_seeds FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "seeds.hpp"

int main(int count, char** arguments) {
    if (count != 2) {
        std::printf("use: write_seeds FOLDER\n");
        return 2;
    }
    for (const auto& seed : fuzz::SeedMaker().make())
        for (const auto& file : seed.files) {
            const char* const kind = seed.reader == fuzz::read_gene_sets   ? "gene_sets"
                                     : file.content == fuzz::Content::hdf5 ? "hdf5"
                                                                           : "texts";
            const auto folder = std::filesystem::path(arguments[1]) / kind;
            std::filesystem::create_directories(folder);
            std::ofstream(folder / (seed.folder ? seed.name + "-" + file.name : file.name), std::ios::binary)
                << file.bytes;
        }
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// A libFuzzer harness of every reader. The environment's CELLVAE_FUZZ_READER chooses it: delimited, mex, tenx_hdf5,
// h5ad, loom, gene_sets or model.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "model_files.hpp"
#include "readers.hpp"

namespace {

/// Where the input lies as a file: the readers take names. It is in memory.
struct Input {
    std::string name;
    int descriptor;
};

std::string reader() {
    const char* const chosen = std::getenv("CELLVAE_FUZZ_READER");
    return chosen == nullptr ? "" : chosen;
}

/// A folder of 10x Genomics of which the matrix is the input and the names are whole; removed at the end.
struct TenxFolder {
    std::filesystem::path path;

    TenxFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "cellvae_fuzz_XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) std::abort();
        path = name;
        std::ofstream genes(path / "genes.tsv"), barcodes(path / "barcodes.tsv");
        for (int k = 1; k <= 20; ++k) genes << "ID" << k << "\tGene" << k << '\n';
        for (int k = 1; k <= 12; ++k) barcodes << "cell-" << k << '\n';
    }
    ~TenxFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    static const std::string chosen = reader();
    static const TenxFolder folder;
    static const Input input = [] {
        if (chosen == "mex") {
            const std::string name = folder.path / "matrix.mtx";
            return Input{name, open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
        }
        const int descriptor = memfd_create("input", MFD_CLOEXEC);
        return Input{"/proc/self/fd/" + std::to_string(descriptor), descriptor};
    }();
    if (ftruncate(input.descriptor, 0) != 0 || pwrite(input.descriptor, bytes, size, 0) != static_cast<ssize_t>(size))
        return -1;
    static const std::string read = chosen == "mex" ? folder.path.string() : input.name;  // file or folder
    std::string wrong;
    try {
        if (chosen == "gene_sets")
            wrong = fuzz::read_gene_sets(read);
        else if (chosen == "model")
            wrong = fuzz::read_model(read);
        else
            wrong = fuzz::read_counts(read);
    } catch (const cellvae::Error& error) {
        wrong = fuzz::wrong_refusal(error.what(), read);
    }
    if (!wrong.empty()) {
        std::fprintf(stderr, "%s\n", wrong.c_str());
        std::abort();
    }
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/atomic_file.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "cellvae/io/h5ad.hpp"
#include "io_files.hpp"

using io_files::content_of;
using io_files::Folder;
using io_files::FullDisk;
using io_files::refusal;

namespace {

cellvae::CountMatrix large_matrix() {
    cellvae::CountMatrix matrix;
    for (int gene = 0; gene < 2000; ++gene) matrix.var.names.push_back(cellvae::message("gene", gene));
    for (int cell = 0; cell < 100; ++cell) {
        matrix.obs.names.push_back(cellvae::message("cell", cell));
        for (int gene = 0; gene < 2000; ++gene) {
            matrix.columns.push_back(gene);
            matrix.values.push_back(static_cast<float>(1 + (cell * 7919 + gene * 104729) % 100003));
        }
        matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
    }
    return matrix;
}

}  // namespace

TEST_CASE("write_text_atomically writes, replaces, and leaves nothing else behind") {
    const Folder folder;
    cellvae::write_text_atomically(folder.path("scores.json"), "{}\n");
    CHECK(content_of(folder.path("scores.json")) == "{}\n");
    cellvae::write_text_atomically(folder.path("scores.json"), std::string(1000000, 'x'));
    CHECK(content_of(folder.path("scores.json")) == std::string(1000000, 'x'));
    CHECK(folder.names() == std::vector<std::string>{"scores.json"});
}

TEST_CASE("an atomic file that is not committed leaves the old file and removes its own") {
    const Folder folder;
    folder.text("history.csv", "old");
    {
        const cellvae::AtomicFile file(folder.path("history.csv"));
        std::ofstream(file.path()) << "half of the n";
        CHECK(file.path().parent_path() == folder.path());
        CHECK(folder.names().size() == 2);
    }
    CHECK(content_of(folder.path("history.csv")) == "old");
    CHECK(folder.names().size() == 1);
}

TEST_CASE("a link is written through, not replaced") {
    const Folder folder;
    folder.text("real.csv", "old");
    std::filesystem::create_symlink(folder.path("real.csv"), folder.path("link.csv"));
    cellvae::write_text_atomically(folder.path("link.csv"), "new");
    CHECK(std::filesystem::is_symlink(folder.path("link.csv")));
    CHECK(content_of(folder.path("real.csv")) == "new");
}

TEST_CASE("a text that does not fit on the disk leaves the old file") {
    const Folder folder;
    folder.text("history.csv", "old");
    std::string error;
    {
        const FullDisk full(1024);
        error = refusal(folder.path("history.csv"), [](const auto& path) {
            cellvae::write_text_atomically(path, std::string(100000, 'x'));
            return 0;
        });
    }
    CHECK(error ==
          "history.csv: cannot be written (File too large); expected a folder with room where files may be written");
    CHECK(content_of(folder.path("history.csv")) == "old");
    CHECK(folder.names().size() == 1);
}

TEST_CASE("an h5ad file that does not fit on the disk leaves the old file") {
    const Folder folder;
    cellvae::CountMatrix small;
    small.row_offsets = {0, 1};
    small.columns = {0};
    small.values = {3};
    small.obs.names = {"c"};
    small.var.names = {"g"};
    cellvae::write_h5ad(folder.path("cells.h5ad"), small);
    const std::string before = content_of(folder.path("cells.h5ad"));
    const auto large = large_matrix();
    for (const rlim_t limit : {rlim_t{1000}, rlim_t{20000}, rlim_t{60000}, rlim_t{200000}}) {
        std::string error;
        {
            const FullDisk full(limit);
            error = refusal(folder.path("cells.h5ad"), [&](const auto& path) {
                cellvae::write_h5ad(path, large);
                return 0;
            });
        }
        INFO(limit);
        CHECK(error.find("cells.h5ad: ") == 0);
        CHECK(error.find("expected a folder with room where files may be written") != std::string::npos);
        CHECK((content_of(folder.path("cells.h5ad")) == before));
        CHECK(folder.names().size() == 1);
    }
    cellvae::write_h5ad(folder.path("cells.h5ad"), large);
    CHECK(cellvae::read_h5ad(folder.path("cells.h5ad")).values == large.values);
    {
        // the room for a layer is taken before there are values
        const FullDisk full(std::filesystem::file_size(folder.path("cells.h5ad")) + 500000);
        const auto error = refusal(folder.path("cells.h5ad"), [&](const auto& path) {
            const cellvae::H5adLayerWriter writer(path, large, "denoised");
            return 0;
        });
        CHECK(error ==
              "cells.h5ad: cannot be written (File too large); expected a folder with room where files may be written");
    }
    CHECK(folder.names().size() == 1);
}

TEST_CASE("a target that cannot be written is refused before any work") {
    const Folder folder;
    const auto write = [](const auto& path) {
        cellvae::write_text_atomically(path, "x");
        return 0;
    };
    CHECK(refusal(folder.path("no/such.csv"), write).find("there is no folder") != std::string::npos);
    std::filesystem::create_directory(folder.path("taken"));
    CHECK(refusal(folder.path("taken"), write) == "taken: is a folder; expected the name of a file to write");
}

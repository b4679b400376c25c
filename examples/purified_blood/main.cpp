// SPDX-License-Identifier: Apache-2.0
// Simulates the nine purified blood sets of Zheng et al. (2017) as 10x folders: example_purified_blood FOLDER [SHARE]
//
// The sizes are the real ones: 92,043 cells in all, 32,738 genes, 2.3% of the counts above zero. SHARE (1 unless
// given) makes each set so much smaller. README.md goes from these folders to clusters and scores.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "cellvae/data/simulator.hpp"

using namespace cellvae;

namespace {

/// A population and how many cells of it 10x Genomics published.
struct PurifiedSet {
    const char* name;
    Index cells;
};

constexpr std::array<PurifiedSet, 9> purified_sets{{{"cd19_b_cells", 10085},
                                                    {"cd34_cells", 9232},
                                                    {"cd4_helper_t_cells", 11213},
                                                    {"cd4_cd25_regulatory_t_cells", 10263},
                                                    {"cd4_cd45ra_cd25_naive_t_cells", 10479},
                                                    {"cd4_cd45ro_memory_t_cells", 10224},
                                                    {"cd56_natural_killer_cells", 8385},
                                                    {"cd8_cytotoxic_t_cells", 10209},
                                                    {"cd8_cd45ra_naive_cytotoxic_t_cells", 11953}}};

/// Blood-like counts of nine equally large types. Every type has at least as many cells as the largest set, but for
/// chance: a set takes the first ones of its type.
SimulatedCells simulate_blood(double share) {
    SimulationOptions blood = zheng_like();
    blood.genes = 32738;
    blood.types = static_cast<int>(purified_sets.size());
    blood.mean_count = 0.0426;  // as many genes again that are hardly ever seen: about 1,400 counts a cell
    blood.type_size_log_deviation = 0;
    blood.cells = static_cast<Index>(share * 9 * 11953 * 1.04) + 200;
    return simulate(Kokkos::DefaultHostExecutionSpace(), blood);
}

void write_lines(const std::filesystem::path& file, std::size_t count, const auto& line) {
    std::ofstream to(file, std::ios::binary);
    for (std::size_t k = 0; k < count; ++k) to << line(k) << '\n';
    if (!to.flush()) throw InputError(message(file.string(), ": cannot be written"));
}

/// Writes some cells as 10x's older pipeline does: genes in rows, both numbered from one, cell after cell.
void write_mex(const std::filesystem::path& folder, const CountMatrix& counts, const std::vector<Index>& cells) {
    std::filesystem::create_directories(folder);
    std::size_t nonzeros = 0;
    for (const Index cell : cells)
        nonzeros += static_cast<std::size_t>(counts.row_offsets[static_cast<std::size_t>(cell) + 1] -
                                             counts.row_offsets[static_cast<std::size_t>(cell)]);
    const auto path = folder / "matrix.mtx";
    std::ofstream matrix(path, std::ios::binary);
    matrix << "%%MatrixMarket matrix coordinate integer general\n%\n"
           << counts.genes() << ' ' << cells.size() << ' ' << nonzeros << '\n';
    std::string lines;
    std::array<char, 32> digits;
    const auto number = [&](Index value, char end) {
        const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
        lines.append(digits.data(), written.ptr);
        lines += end;
    };
    for (std::size_t row = 0; row < cells.size(); ++row) {
        const auto cell = static_cast<std::size_t>(cells[row]);
        lines.clear();
        for (auto k = static_cast<std::size_t>(counts.row_offsets[cell]);
             k < static_cast<std::size_t>(counts.row_offsets[cell + 1]); ++k) {
            number(counts.columns[k] + 1, ' ');
            number(static_cast<Index>(row) + 1, ' ');
            number(static_cast<Index>(counts.values[k]), '\n');
        }
        matrix << lines;
    }
    if (!matrix.flush()) throw InputError(message(path.string(), ": cannot be written"));
    write_lines(folder / "genes.tsv", static_cast<std::size_t>(counts.genes()),
                [&](std::size_t gene) { return message("ENSG", gene, '\t', counts.var.names[gene]); });
    write_lines(folder / "barcodes.tsv", cells.size(),
                [&](std::size_t row) { return message(counts.obs.names[static_cast<std::size_t>(cells[row])], "-1"); });
}

void run(const std::filesystem::path& folder, double share) {
    const SimulatedCells blood = simulate_blood(share);
    std::size_t total = 0;
    for (std::size_t set = 0; set < purified_sets.size(); ++set) {
        const auto wanted =
            std::max<std::size_t>(1, static_cast<std::size_t>(share * static_cast<double>(purified_sets[set].cells)));
        std::vector<Index> cells;
        for (std::size_t cell = 0; cell < blood.truth.labels.size() && cells.size() < wanted; ++cell)
            if (blood.truth.labels[cell] == static_cast<std::int32_t>(set)) cells.push_back(static_cast<Index>(cell));
        write_mex(folder / purified_sets[set].name / "filtered_matrices_mex" / "hg19", blood.counts, cells);
        std::printf("%-36s %zu cells\n", purified_sets[set].name, cells.size());
        total += cells.size();
    }
    std::printf("%s: %zu cells x %ld genes\n", folder.string().c_str(), total, static_cast<long>(blood.counts.genes()));
}

}  // namespace

int main(int argc, char* argv[]) {
    const double share = argc > 2 ? std::atof(argv[2]) : 1;
    if (argc < 2 || argc > 3 || !(share > 0 && share <= 1))
        return std::puts("usage: example_purified_blood FOLDER [SHARE]"), 2;
    const Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    try {
        run(argv[1], share);
    } catch (const std::exception& error) {
        return std::fprintf(stderr, "example_purified_blood: %s\n", error.what()), 2;
    }
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "streaming.hpp"

#include <algorithm>
#include <cmath>

#include "cellvae/io/h5ad_cells.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

constexpr double megabyte = 1e6;

/// Bytes that names and columns of cells take.
double size_of(const Annotations& annotations) {
    const auto text = [](const std::string& text) {
        return static_cast<double>(sizeof(std::string) + (text.size() > 15 ? text.size() + 17 : 0));
    };
    double bytes = 0;
    for (const auto& name : annotations.names) bytes += text(name);
    for (const auto& column : annotations.columns)
        std::visit(
            [&](const auto& values) {
                using Values = std::decay_t<decltype(values)>;
                if constexpr (std::is_same_v<Values, Categorical>) {
                    bytes += 4.0 * static_cast<double>(values.codes.size());
                } else if constexpr (std::is_same_v<Values, std::vector<std::string>>) {
                    for (const auto& value : values) bytes += text(value);
                } else {
                    bytes += 8.0 * static_cast<double>(values.size());
                }
            },
            column.values);
    return bytes;
}

}  // namespace

std::shared_ptr<H5adCells> open_streamed(const CountsRequest& request) {
    if (request.files.size() != 1)
        throw OptionError(message("--stream takes one h5ad file; found ", request.files.size(),
                                  " inputs: merge them into one first (cellvae filter), or leave --stream out"));
    try {
        return std::make_shared<H5adCells>(request.files.front(), H5adOptions{.matrix = request.matrix});
    } catch (const InputError& error) {
        throw InputError(message(error.what(), " (--stream reads an h5ad file whose counts are a csr_matrix)"));
    }
}

ShuffleOptions streamed_shuffle(const TrainRequest& request, const TrainCells& cells, Index genes, Index parameters) {
    const auto count = static_cast<double>(cells.cells());
    // two windows are held, each cell with its nonzeros, their genes and its numbers
    const double cell_bytes = 2 * (8 * cells.nonzeros_a_cell + 48);
    const bool mixture = request.has_clusters();
    const double statistics = 176 + 20 * static_cast<double>(request.latent) +
                              (mixture ? 12.0 * static_cast<double>(placed_components(request)) : 0);
    const double rest = 60 * megabyte + size_of(cells.counts.obs) + count * statistics +
                        static_cast<double>(parameters) * (mixture ? 32 : 24) + static_cast<double>(genes) * 200;
    const auto in_megabytes = [](double bytes) { return static_cast<Index>(std::ceil(bytes / megabyte)); };
    const double memory = static_cast<double>(request.stream_memory) * megabyte;
    const auto refuse = [&](double window, const std::string& why) {
        throw OptionError(message("--stream-memory ", request.stream_memory, ": ", cells.cells(), " cells x ", genes,
                                  " genes take about ", in_megabytes(rest), " MB without their counts, and ", why, ' ',
                                  in_megabytes(window * cell_bytes), " MB; give ",
                                  in_megabytes(rest + window * cell_bytes), " or more"));
    };
    // evaluation holds two windows of so many
    const double least = std::min(count, 4096.0);
    if (rest + least * cell_bytes > memory) refuse(least, "two windows of them");

    const Index minibatch = request.minibatch;
    ShuffleOptions shuffle{.chunk = request.shuffle_chunk, .chunks = request.shuffle_chunks};
    if (shuffle.chunk == 0) {
        // The first window of an epoch is waited for: an eighth of the cells at most, unless they are few.
        const double most = std::max(count / 8, 16.0 * static_cast<double>(minibatch));
        const double fits = std::min((memory - rest) / cell_bytes, most) / static_cast<double>(minibatch);
        const auto minibatches = std::max<Index>(1, static_cast<Index>(fits));
        // A chunk is read at once: long enough for that, and sixteen or more of them in a window.
        const double long_enough = 131072 / std::max(cells.nonzeros_a_cell, 1.0) / static_cast<double>(minibatch);
        const Index of_chunk =
            std::clamp<Index>(static_cast<Index>(long_enough), 1, std::max<Index>(minibatches / 16, 1));
        shuffle = {.chunk = of_chunk * minibatch, .chunks = minibatches / of_chunk};
    }
    const Index window = std::min(shuffle_window(shuffle, minibatch), cells.cells());
    const double window_bytes = static_cast<double>(window) * cell_bytes;
    if (rest + window_bytes > memory)
        refuse(static_cast<double>(window),
               message("two windows of ", shuffle.chunks, " chunks (--shuffle-chunk, --shuffle-chunks)"));
    print_notice(message("streams ", request.counts, ": windows of ", window, " cells, ", shuffle.chunks, " chunks of ",
                         shuffle_window(shuffle, minibatch) / shuffle.chunks, "; two of them take ",
                         in_megabytes(window_bytes), " MB"));
    return shuffle;
}

}  // namespace cellvae::program

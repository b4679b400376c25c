// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <Kokkos_Core.hpp>

#include <algorithm>
#include <cstddef>

#include "cellvae/core/launch.hpp"
#include "cellvae/core/thread_numbers.hpp"

#ifdef KOKKOS_ENABLE_CUDA
#include <cublas_v2.h>
#endif

namespace cellvae {

/// How a product reads an operand.
enum class Operand { as_is, transposed };

namespace core_detail {

// Sizes of the blocks that a product packs, in elements. They are fixed, and not the cache sizes that Eigen asks the
// processor for, so that a program's sums have the same order on every machine of one kind. The rows are a multiple of
// the tallest register tile of all instruction sets (48).
inline constexpr Index packed_depth = 256;
inline constexpr Index packed_rows = 192;
inline constexpr Index packed_columns = 256;
inline constexpr Index packing_size = packed_depth * (packed_rows + packed_columns);

/// Hands Eigen packing memory of ours: its own comes from malloc above 128 KB, and a training step allocates nothing.
template <class Real>
class Packing : public Eigen::internal::level3_blocking<Real, Real> {
public:
    Packing(Index rows, Index columns, Index depth, Real* memory) {
        this->m_blockA = memory;
        this->m_blockB = memory + packed_depth * packed_rows;
        this->m_mc = std::min(rows, packed_rows);
        this->m_nc = std::min(columns, packed_columns);
        this->m_kc = std::min(depth, packed_depth);
    }
};

}  // namespace core_detail

/// result (rows x columns) += left (rows x depth) times right (depth x columns), all row-major with the given distances
/// between rows; a transposed operand is stored the other way round. Runs in the calling thread alone and allocates
/// nothing.
///
/// @param packing core_detail::packing_size elements that no other thread uses meanwhile, aligned to 64 bytes
template <Operand left_operand, Operand right_operand, class Real>
void multiply_add(Index rows, Index columns, Index depth, const Real* left, Index left_stride, const Real* right,
                  Index right_stride, Real* result, Index result_stride, Real* packing) {
    if (rows == 0 || columns == 0 || depth == 0) return;
    // Eigen computes column-major results: the same memory, read so, is result' = right' left'.
    constexpr int left_order = right_operand == Operand::as_is ? Eigen::ColMajor : Eigen::RowMajor;
    constexpr int right_order = left_operand == Operand::as_is ? Eigen::ColMajor : Eigen::RowMajor;
    core_detail::Packing<Real> blocking(columns, rows, depth, packing);
    Eigen::internal::general_matrix_matrix_product<Index, Real, left_order, false, Real, right_order, false,
                                                   Eigen::ColMajor, 1>::run(columns, rows, depth, right, right_stride,
                                                                            left, left_stride, result, 1, result_stride,
                                                                            Real(1), blocking, nullptr);
}

// Eigen's products take a compiler longer than everything else in a model. A project of several programs can compile
// them once: it defines CELLVAE_COMPILED_PRODUCTS for all sources but one, which says
// CELLVAE_INSTANTIATE_PRODUCTS(, float) and the same for double inside namespace cellvae.
// NOLINTBEGIN(bugprone-macro-parentheses): these are words of a declaration
#define CELLVAE_INSTANTIATE_PRODUCT(prefix, left, right, Real)                                                      \
    prefix template void multiply_add<Operand::left, Operand::right, Real>(Index, Index, Index, const Real*, Index, \
                                                                           const Real*, Index, Real*, Index, Real*);
#define CELLVAE_INSTANTIATE_PRODUCTS(prefix, Real)               \
    CELLVAE_INSTANTIATE_PRODUCT(prefix, as_is, as_is, Real)      \
    CELLVAE_INSTANTIATE_PRODUCT(prefix, as_is, transposed, Real) \
    CELLVAE_INSTANTIATE_PRODUCT(prefix, transposed, as_is, Real)
// NOLINTEND(bugprone-macro-parentheses)
#ifdef CELLVAE_COMPILED_PRODUCTS
CELLVAE_INSTANTIATE_PRODUCTS(extern, float)
CELLVAE_INSTANTIATE_PRODUCTS(extern, double)
#endif

/// The products of one model on one backend: the only place from which Eigen's or the vendor's product is called.
///
/// On the host the result is cut into fixed tiles which threads share, each computed by one thread: the same bits for
/// any number of threads.
template <class Real, class Exec>
class Products {
public:
    /// The number of tiles of a product on the host, and so the most threads that it can use.
    static constexpr Index tiles = 32;

    explicit Products(const Exec& exec) {
        if constexpr (runs_on_host<Exec>) {
            threads_ = ThreadNumbers<Exec>(exec, tiles);
            packing_ = Matrix<Real, typename Exec::memory_space>(Kokkos::view_alloc(exec, "cellvae::products::packing"),
                                                                 threads_.size(), core_detail::packing_size);
        }
#ifdef KOKKOS_ENABLE_CUDA
        else {
            require_success(cublasCreate(&handle_), "make a handle");
            require_success(cublasSetStream(handle_, exec.cuda_stream()), "take the stream");
        }
#endif
    }

#ifdef KOKKOS_ENABLE_CUDA
    ~Products() {
        if (handle_ != nullptr) cublasDestroy(handle_);
    }
#else
    ~Products() = default;
#endif
    Products(const Products&) = delete;
    Products& operator=(const Products&) = delete;

    /// result = left right, or result += left right with `accumulate`; operands as in multiply_add.
    /// @throws ShapeError if the sizes do not fit
    template <Operand left_operand, Operand right_operand, class Result, class Left, class Right>
    void multiply(const Exec& exec, const Result& result, const Left& left, const Right& right,
                  bool accumulate = false) const {
        const Index rows = static_cast<Index>(result.extent(0));
        const Index columns = static_cast<Index>(result.extent(1));
        constexpr bool plain_left = left_operand == Operand::as_is;
        constexpr bool plain_right = right_operand == Operand::as_is;
        const Index depth = static_cast<Index>(left.extent(plain_left ? 1 : 0));
        require_size(static_cast<Index>(left.extent(plain_left ? 0 : 1)), rows, "rows of a product's left side");
        require_size(static_cast<Index>(right.extent(plain_right ? 0 : 1)), depth, "depth of a product's right side");
        require_size(static_cast<Index>(right.extent(plain_right ? 1 : 0)), columns,
                     "columns of a product's right side");
        if (rows == 0 || columns == 0) return;
        if constexpr (runs_on_host<Exec>) {
            const Index tile_rows = std::max<Index>((rows + tiles - 1) / tiles, 8);
            const Index tile_count = (rows + tile_rows - 1) / tile_rows;
            const auto packing = packing_;
            const auto threads = threads_;
            const Index cost = rows * columns * depth / 16;  // a product of this size does a few dozen a nanosecond
            for_each_index(exec, KernelLabel("cellvae::multiply"), tile_count, cost, [=](const Index tile) {
                const Index first = tile * tile_rows;
                const Index count = std::min(tile_rows, rows - first);
                Real* target = &result(first, 0);
                const Index stride = static_cast<Index>(result.stride(0));
                if (!accumulate)
                    for (Index r = 0; r < count; ++r) std::fill_n(target + r * stride, columns, Real(0));
                const Real* left_start = plain_left ? &left(first, 0) : &left(0, first);
                threads.with([&](const Index thread) {
                    multiply_add<left_operand, right_operand, Real>(
                        count, columns, depth, left_start, static_cast<Index>(left.stride(0)), right.data(),
                        static_cast<Index>(right.stride(0)), target, stride, &packing(thread, 0));
                });
            });
        } else {
            multiply_on_device<left_operand, right_operand>(exec, result, left, right, accumulate);
        }
    }

private:
#ifdef KOKKOS_ENABLE_CUDA
    static void require_success(cublasStatus_t status, const char* what) {
        if (status != CUBLAS_STATUS_SUCCESS)
            throw Error(message("cuBLAS could not ", what, ": status ", static_cast<int>(status)));
    }
#endif

    template <Operand left_operand, Operand right_operand, class Result, class Left, class Right>
    void multiply_on_device([[maybe_unused]] const Exec& exec, [[maybe_unused]] const Result& result,
                            [[maybe_unused]] const Left& left, [[maybe_unused]] const Right& right,
                            [[maybe_unused]] bool accumulate) const {
#ifdef KOKKOS_ENABLE_CUDA
        // cuBLAS is column-major too: result' = right' left'.
        const auto op = [](Operand operand) { return operand == Operand::as_is ? CUBLAS_OP_N : CUBLAS_OP_T; };
        const int m = static_cast<int>(result.extent(1));
        const int n = static_cast<int>(result.extent(0));
        const int k = static_cast<int>(left.extent(left_operand == Operand::as_is ? 1 : 0));
        const Real alpha = 1;
        const Real beta = accumulate ? 1 : 0;
        const auto stride = [](const auto& view) { return static_cast<int>(view.stride(0)); };
        cublasStatus_t status;
        if constexpr (sizeof(Real) == sizeof(float))
            status = cublasSgemm(handle_, op(right_operand), op(left_operand), m, n, k, &alpha, right.data(),
                                 stride(right), left.data(), stride(left), &beta, result.data(), stride(result));
        else
            status = cublasDgemm(handle_, op(right_operand), op(left_operand), m, n, k, &alpha, right.data(),
                                 stride(right), left.data(), stride(left), &beta, result.data(), stride(result));
        require_success(status, "multiply");
#else
        static_assert(runs_on_host<Exec>, "cellvae has products for host backends and for CUDA");
#endif
    }

    ThreadNumbers<Exec> threads_;
    Matrix<Real, typename Exec::memory_space> packing_;  ///< threads x what a product packs
#ifdef KOKKOS_ENABLE_CUDA
    cublasHandle_t handle_ = nullptr;
#endif
};

}  // namespace cellvae

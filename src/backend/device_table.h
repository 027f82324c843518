// backend/device_table.h - the table of backend/ops.h on top of a plugin's, backend/device_ops.h.
#pragma once
#include "backend/device_ops.h"
#include "backend/ops.h"

namespace velbo::internal {

// Source::ops<T>() gives the plugin's table; Source::require(status) throws unless status is 0.
template <class T, class Source>
constexpr Ops<T> device_table{
    .starting_curvature =
        [](const Context& context, const Rows<T>& rows, T* c, T* c_times_r) {
          Source::require(Source::template ops<T>().starting_curvature(context.device().index, &rows, c, c_times_r));
        },
    .normals =
        [](const Context& context, Key key, std::uint32_t step, std::uint32_t first_draw, std::int64_t n_draws,
           std::int64_t dimension, T* out) {
          Source::require(Source::template ops<T>().normals(context.device().index, key.value, step, first_draw,
                                                            n_draws, dimension, out));
        },
    .expected_log_likelihood =
        [](const Context& context, const Rows<T>& rows, const double* mean, const PredictorScale& scale,
           const PredictorRule& rule, RowSums<T>& sums) {
          Source::require(Source::template ops<T>().expected_log_likelihood(context.device().index, &rows, mean, &scale,
                                                                            &rule, &sums));
        },
    .weighted_gram =
        [](const Context& context, const Rows<T>& rows, const T* c, const T* r, bool diagonal, double* gram,
           double* moment) {
          Source::require(
              Source::template ops<T>().weighted_gram(context.device().index, &rows, c, r, diagonal, gram, moment));
        },
    .curvature_product =
        [](const Context& context, const Rows<T>& rows, const T* c, const double* v, double* out) {
          Source::require(Source::template ops<T>().curvature_product(context.device().index, &rows, c, v, out));
        },
    .log_likelihood =
        [](const Context& context, const Rows<T>& rows, const double* z, std::int64_t n_draws, double* out) {
          Source::require(Source::template ops<T>().log_likelihood_gradient(context.device().index, &rows, z, n_draws,
                                                                            out, nullptr));
        },
    .log_likelihood_gradient =
        [](const Context& context, const Rows<T>& rows, const double* z, std::int64_t n_draws, double* out,
           double* gradient) {
          Source::require(Source::template ops<T>().log_likelihood_gradient(context.device().index, &rows, z, n_draws,
                                                                            out, gradient));
        },
};

}  // namespace velbo::internal

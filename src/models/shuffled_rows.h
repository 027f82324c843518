// models/shuffled_rows.h - the same model with its rows in random order in memory of their own.
#pragma once
#include "models/glm_data.h"
#include "velbo/context.h"
#include "velbo/random.h"

namespace velbo::internal {

// Row i is row permuted(make_permutation(key, N), i) of `data`: minibatches may then be made of blocks of consecutive rows,
// which are read several times as quickly as single rows.  Keeps element type and sparsity; strides become the number of
// columns.  Same bits for any number of threads.
GlmData with_shuffled_rows(const GlmData& data, Key key, const Context& context);

}  // namespace velbo::internal

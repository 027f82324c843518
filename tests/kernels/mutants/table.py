"""The mutants of kernels/: a text that is in the file once, and what takes its place.

`equivalent` says why no test can tell: the mutant is slower, or does what nobody looks at.
"""
from dataclasses import dataclass


@dataclass
class Mutant:
    file: str
    what: str
    original: str
    replacement: str
    equivalent: str = ""


def of(file, *mutants):
    return [Mutant(file, *mutant) for mutant in mutants]


PANEL = of(
    "row_panel.cuh",
    ("rows an even number of vectors apart", "((columns / kLanes<T>) | 1) * kLanes<T>", "(columns / kLanes<T>) * kLanes<T>",
     "costs bank conflicts only"),
    ("16 bytes at a time from any address", "reinterpret_cast<std::uintptr_t>(rows.x) % 16 == 0 && ", ""),
    ("16 bytes at a time with any stride", " && rows.stride % kLanes<T> == 0;", ";"),
    ("centre forgotten where elements need no conversion", " || rows.centre != nullptr)\n", ")\n"),
    ("ones in rows past the end", "return valid && rows.intercept", "return rows.intercept",
     "such rows have terms of zero"),
    ("ones in all padding columns", "column == rows.n_features ? T(1)", "column >= rows.n_features ? T(1)",
     "they meet coefficients of zero, and their sums are not stored"),
    ("no intercept", "column == rows.n_features ? T(1) : T(0)", "column == rows.n_features ? T(0) : T(0)"),
    ("index ignored", "return rows.index != nullptr ? rows.index[n] : rows.first_row + n;", "return rows.first_row + n;"),
    ("a slab's first row ignored", "rows.index[n] : rows.first_row + n;", "rows.index[n] : n;"),
    ("a slab's rows sought by stored row", "return rows.packed ? n : stored(n);", "return stored(n);"),
    ("centre not subtracted", "x - rows.centre[column] : x", "x : x"),
    ("scatter without zeros", "panel[r * leading + j] = constant_column(rows, first_column + j, valid);", ";"),
    ("scatter without __syncwarp", "      __syncwarp();\n", ""),
    ("scatter of rows past the end", "      if (!valid) continue;\n", ""),
    ("scatter one column too far", "j >= 0 && j < columns", "j >= 0 && j <= columns",
     "where columns follow, so does a vector of padding"),
    ("scatter of columns before the panel's", "j >= 0 && j < columns", "j < columns"),
    ("scatter loses a row's last entry", "end = rows.row_start[row + 1];", "end = rows.row_start[row + 1] - 1;"),
    ("scatter takes every second entry", "k < end; k += 32)", "k < end; k += 64)"),
    ("whole vector where only its start is data", "column + lanes <= rows.n_features", "column < rows.n_features"),
    ("index of rows past the end", "valid ? source.of_x(first_row + r) : 0;", "source.of_x(first_row + r);"),
    ("vectors of rows past the end copied",
     "static_cast<const T*>(rows.x) + row * rows.stride + column, valid);",
     "static_cast<const T*>(rows.x) + row * rows.stride + column, true);", "row 0 stands there and meets terms of zero"),
    ("wrong stride of vectors", "row * rows.stride + column, valid);", "row * rows.n_features + column, valid);"),
    ("every second row", "for (int r = t / threads; r < kRows; r += step)", "for (int r = t / threads; r < kRows; r += 2 * step)"),
    ("one row too few", "for (int r = t / threads; r < kRows; r += step)", "for (int r = t / threads; r < kRows - 1; r += step)"),
    ("vectors missed", "v < vectors; v += threads)", "v < vectors; v += 2 * threads)"),
    ("one vector too few", "for (int v = first; v < vectors; v += threads)", "for (int v = first; v < vectors - 1; v += threads)"),
    ("one column of data too many", "if (column + k >= rows.n_features)", "if (column + k > rows.n_features)"),
    ("chunks to the end of whole tiles", "return after < end_row ? after : end_row;", "return after;"),
    ("chunks counted from row 0", "return first_row + chunk * rows;", "return chunk * rows;"),
    ("blocks take the next chunk", "chunk += gridDim.x;", "chunk += 1;"),
    ("one tile more where a chunk is full", "return row + tile >= chunks.end(chunk);", "return row + tile > chunks.end(chunk);",
     "its rows are past the end"),
    ("a chunk's last tile lost", "return row + tile >= chunks.end(chunk);", "return row + 2 * tile >= chunks.end(chunk);"),
)

TERMS = of(
    "row_terms.cuh",
    ("weights without the scale", "rows.weights[row] * rows.scale", "rows.weights[row]"),
    ("scale without weights", "rows.weights != nullptr ? rows.weights[row] * rows.scale : rows.scale", "rows.scale"),
    ("no offset", "if (rows.offset != nullptr) offset = rows.offset[row];", ""),
    ("no trials", "rows.trials != nullptr ? rows.trials[row] : T(1)", "T(1)"),
    ("outcomes by number, not by index", "return {rows.y[row],", "return {rows.y[n],"),
    ("one draw too many", "if (4 * group + k >= rule.n_draws) break;", "if (4 * group + k > rule.n_draws) break;"),
    ("the draws of every row the same", "static_cast<std::uint64_t>(stored)),", "std::uint64_t{0}),"),
    ("sum of draws, not their mean", "sum.rho * share,", "sum.rho,"),
    ("tree starts too low", "for (int offset = 16; offset >= kGroups", "for (int offset = 8; offset >= kGroups"),
    ("tree ends too early", "offset >= kGroups; offset /= 2", "offset > kGroups; offset /= 2"),
    ("block_sum without its barrier", "  if (lane < kGroups) shared[warp * kGroups + lane] = value;\n  __syncthreads();",
     "  if (lane < kGroups) shared[warp * kGroups + lane] = value;"),
    ("last warp lost", "for (int w = 0; w < kWarps; ++w) sum +=", "for (int w = 0; w < kWarps - 1; ++w) sum +="),
)

PASSES = of(
    "fused_passes.cuh",
    ("first part of a predictor lost", "for (int k = 0; k < n_parts; ++k)", "for (int k = 1; k < n_parts; ++k)"),
    ("draws: a row too many", "const std::int64_t n = first + i / S;\n      T offset;\n      const RowOutcome<T> row = outcome_of(a.source, n, n < end, offset);",
     "const std::int64_t n = first + i / S;\n      T offset;\n      const RowOutcome<T> row = outcome_of(a.source, n, n <= end, offset);"),
    ("draws: offset dropped", "add_parts(parts, n_parts, kRows * S, i) + offset;", "add_parts(parts, n_parts, kRows * S, i);"),
    ("draws: every second pair", "i < kRows * S; i += kThreads)", "i < kRows * S; i += 2 * kThreads)"),
    ("mean-field: a row too many", "const std::int64_t n = first + r;\n      T offset;\n      const RowOutcome<T> row = outcome_of(a.source, n, n < end, offset);",
     "const std::int64_t n = first + r;\n      T offset;\n      const RowOutcome<T> row = outcome_of(a.source, n, n <= end, offset);"),
    ("mean-field: variance from the mean's sum", "add_parts(parts, n_parts, kRows * 2, 2 * r + 1)", "add_parts(parts, n_parts, kRows * 2, 2 * r)"),
    ("mean-field: curvatures of rows past the end", "if (a.curvature_rows != nullptr && n < end)", "if (a.curvature_rows != nullptr)"),
    ("mean-field: draws of row n, not of the stored one", "n < end ? a.source.stored(n) : 0;", "n;"),
    ("mean-field: sd not squared", "sum[i][1] = internal::elementary::mul_add(scaled, scaled, sum[i][1]);",
     "sum[i][1] = internal::elementary::mul_add(scaled, x[i].of[k], sum[i][1]);"),
    ("product: a row too many", "const T c = first + r >= end ? T(0)", "const T c = first + r > end ? T(0)"),
    ("product: curvature ignored", "terms[r] = c * add_parts", "terms[r] = add_parts"),
    ("given: rows past the end", "const bool valid = first + r < end;", "const bool valid = true;"),
    ("given: a missing r counts", "valid && a.r != nullptr ? a.r[first + r] : T(0);", "valid && a.r != nullptr ? a.r[first + r] : T(1);"),
    ("squares: not squared", "mul_add(terms[1] * x.of[k], x.of[k], sum[1][k])", "mul_add(terms[1], x.of[k], sum[1][k])"),
)

FUSED = of(
    "fused_rows.cuh",
    ("memory for one tile, not two", "const int rows = 2 * kRows +", "const int rows = kRows +"),
    ("no memory for coefficients", "(Pass::kPredicts ? kWidth : 0);\n    return", "0;\n    return"),
    ("no memory for terms", "kScratchWords + kTermWords) * sizeof(T)", "kScratchWords) * sizeof(T)"),
    ("no memory for the block's values", "kWarps * (Pass::kValues > 0 ? Pass::kValues : 1) * sizeof(double);", "0;"),
    ("half the scratch", "kPartWords > kTreeWords ? kPartWords : kTreeWords;", "(kPartWords > kTreeWords ? kPartWords : kTreeWords) / 2;"),
    ("tree drops an odd part", "alive > 1; alive = (alive + 1) / 2", "alive > 1; alive = alive / 2"),
    ("tree's half rounded down", "const int half = (alive + 1) / 2;", "const int half = alive / 2;"),
    ("tree without the barrier before it is read", "    __syncthreads();\n    if (split + half < alive) {", "    if (split + half < alive) {"),
    ("tree without the barrier after it is read", "    __syncthreads();\n  }\n  if (split == 0) {", "  }\n  if (split == 0) {"),
    ("padding columns stored", "if (column < d) out[(chunk * W + w) * d + column]", "out[(chunk * W + w) * d + column]"),
    ("last column not stored", "if (column < d) out[", "if (column < d - 1) out["),
    ("sums kept for the next chunk", "for (int k = 0; k < lanes; ++k) sum[w][k] = T(0);", ";"),
    ("coefficients past D", "j < d ? a.coefficients[w * d + j] : T(0);", "a.coefficients[w * d + j];"),
    ("coefficients of the first 256 columns", "for (int j = t; j < a.columns; j += kThreads)", "for (int j = t; j < kThreads && j < a.columns; j += kThreads)"),
    ("parts without vectors", "Layout::kParts < vectors ? Layout::kParts : vectors;", "Layout::kParts;", "they add zeros"),
    ("vectors of a part missed", "v < vectors; v += n_parts)", "v < vectors; v += n_parts + 1)"),
    ("next tile into this one's stage", "    fetch(stage ^ 1);\n    simt::wait_copies", "    fetch(stage);\n    simt::wait_copies"),
    ("wait one group short", "simt::wait_copies<1>();", "simt::wait_copies<2>();"),
    ("no barrier after the wait", "    simt::wait_copies<1>();\n    __syncthreads();", "    simt::wait_copies<1>();"),
    ("no barrier after the predictors", "      __syncthreads();\n    }\n    const std::int64_t end", "    }\n    const std::int64_t end"),
    ("no barrier after the terms", "terms, value);\n    __syncthreads();", "terms, value);"),
    ("no barrier after the sums", "    now.advance(a.chunks, kRows);\n    __syncthreads();", "    now.advance(a.chunks, kRows);"),
    ("second tile's place never read", "const T* const tile = tiles + stage * kRows * leading;", "const T* const tile = tiles;"),
    ("rows of a split missed", "r < kRows; r += splits)", "r < kRows; r += splits + 1)"),
    ("threads left over add too", "if (a.sums != nullptr && split < splits) {", "if (a.sums != nullptr) {", "nobody takes what they add up"),
    ("values of two sums in one place", "block_values + i * kWarps);", "block_values);"),
    ("values kept for the next chunk", "          value[i] = 0;\n", ""),
    ("rows of two threads swapped", "load(tile + (group + i * (kRows / 4)) * leading + v * lanes)",
     "load(tile + (group + (i ^ 1) * (kRows / 4)) * leading + v * lanes)"),
    ("columns of the first block only", "first_column, a.columns,\n", "0, a.columns,\n"),
    ("next chunk's rows to this one's end", "load_panel<kRows>(a.source, next.row, a.chunks.end(next.chunk)", "load_panel<kRows>(a.source, next.row, a.chunks.end(now.chunk)"),
)

PROJECT = of(
    "project_rows.cuh",
    ("no barrier after the wait", "        simt::wait_copies<1>();\n        __syncthreads();", "        simt::wait_copies<1>();"),
    ("wait one group short", "simt::wait_copies<1>();", "simt::wait_copies<2>();"),
    ("no barrier after a panel", "        __syncthreads();\n      }\n      finish.block", "      }\n      finish.block"),
    ("next panel into this one's stage", "fetch(k + kPanelColumns, stage ^ 1);", "fetch(k + kPanelColumns, stage);"),
    ("no barrier between variances and rows", "    __syncthreads();\n    if (t >= kTileRows", "    if (t >= kTileRows"),
    ("matrix past its last row", "first_column + v * lanes, k + row < d);", "first_column + v * lanes, true);"),
    ("triangle skipped a column too far", "first_column > a.lead ? first_column - a.lead : 0;",
     "first_column > a.lead ? first_column - a.lead + 1 : 0;"),
    ("triangle skipped a panel too far", "zeros / kPanelColumns * kPanelColumns;", "(zeros + kPanelColumns - 1) / kPanelColumns * kPanelColumns;"),
    ("nothing skipped", "a.lead >= 0 && first_column > a.lead", "false && first_column > a.lead", "what is skipped is zero"),
    ("squares added once a block of columns", "a.sd != nullptr && first_column == 0 && tx == 0", "a.sd != nullptr && tx == 0"),
    ("squares added by all threads of a row", "first_column == 0 && tx == 0)", "first_column == 0)"),
    ("sd past its end", "column + e < d ? sd[column + e] : T(0);", "sd[column + e];"),
    ("variance kept for the next tile", "mean[i] = variance[i] = T(0);", "mean[i] = T(0);"),
    ("mean's product in the variance", "        } else {\n          variance[i]", "        }\n        {\n          variance[i]"),
    ("projections past the last column", "n < end && column < a.n_columns)\n          a.projections", "n < end)\n          a.projections"),
    ("projections of rows past the end", "n < end && column < a.n_columns)\n          a.projections", "column < a.n_columns)\n          a.projections"),
    ("rows' variances too close", "constexpr int stride = kRowThreads + 1;", "constexpr int stride = kRowThreads;"),
    ("one row too many", "first + t >= end) return;", "first + t > end) return;"),
    ("last variance lost", "for (int k = 0; k < kRowThreads; ++k) total", "for (int k = 0; k < kRowThreads - 1; ++k) total"),
    ("offset dropped", "shared[t * stride + kRowThreads] + offset;", "shared[t * stride + kRowThreads];"),
    ("absolute value not absolute", "static_cast<double>(internal::abs_of(term.value));", "static_cast<double>(term.value);"),
    ("values of two sums in one place", "shared + i * kWarps);", "shared);"),
    ("values of two draws in one place", "shared + j * kWarps * kRowThreads);", "shared);"),
    ("values kept for the next chunk", "a.values[chunk * 2 + i] = total;\n      value[i] = 0;", "a.values[chunk * 2 + i] = total;"),
    ("draws' values kept for the next chunk", "      value[j] = 0;\n", ""),
    ("product without its curvature", "(a.c != nullptr ? a.c[n] : T(1)) * product[i][0];", "product[i][0];"),
    ("product by all threads of a row", "    if (tx != 0) return;\n", ""),
    ("product of rows past the end", "if (n < end) a.rho[n] =", "a.rho[n] ="),
    ("draws of rows past the end", "outcome_of(a.source, n, n < end, offset);", "outcome_of(a.source, n, true, offset);"),
    ("draws' terms past the last column", "n < end && 4 * tx + j < a.n_columns)", "n < end)"),
    ("draws' values past the last column", "if (t < kRowThreads && 4 * t + j < a.n_columns)", "if (t < kRowThreads)"),
    ("memory for one stage", "(2 * kStageWords + kFinishWords)", "(kStageWords + kFinishWords)"),
    ("no memory for variances", "(2 * kStageWords + kFinishWords)", "(2 * kStageWords)"),
    ("no memory for draws' values", "kWarps * (Finish::kValues > 2 ? Finish::kValues : 2);", "kWarps * 2;"),
    ("rows of X swapped", "load(x + (ty + 16 * i) * leading + v * lanes);", "load(x + (ty + 16 * (i ^ 1)) * leading + v * lanes);"),
    ("half of W's panel", "i < kPanelColumns * vectors; i += kThreads)", "i < kPanelColumns * vectors / 2; i += kThreads)"),
    ("last panel lost", "for (std::int64_t k = begin; k < d; k += kPanelColumns, stage ^= 1)", "for (std::int64_t k = begin; k + kPanelColumns <= d; k += kPanelColumns, stage ^= 1)"),
)

OUTER = of(
    "outer_products.cuh",
    ("no barrier after the wait", "    simt::wait_copies<1>();\n    __syncthreads();", "    simt::wait_copies<1>();"),
    ("wait one group short", "simt::wait_copies<1>();", "simt::wait_copies<2>();"),
    ("no barrier after a panel", "    now.advance(a.chunks, kOuterRows);\n    __syncthreads();", "    now.advance(a.chunks, kOuterRows);"),
    ("next panel into this one's stage", "    fetch(stage ^ 1);\n    simt::wait", "    fetch(stage);\n    simt::wait"),
    ("triangle's rows off by one", "(i + 2) / 2 <= number", "(i + 2) / 2 < number"),
    ("left past its last column", "next.row + r < end && first_left + j < a.n_left;", "next.row + r < end;"),
    ("left of rows past the end", "next.row + r < end && first_left + j < a.n_left;", "first_left + j < a.n_left;"),
    ("curvatures of rows past the end", "n >= end ? T(0) : a.c", "a.c"),
    ("curvatures ignored", "weighted[j + q] = c * some.of[q];", "weighted[j + q] = some.of[q];"),
    ("curvatures written over while they are read", "curvatures[stage * kOuterRows + t] =", "curvatures[t] ="),
    ("sums kept for the next chunk", "          sum[i][j] = T(0);\n", ""),
    ("columns past D stored", "if (row < a.n_left && column < d)", "if (row < a.n_left)"),
    ("rows past the last stored", "if (row < a.n_left && column < d)", "if (column < d)"),
    ("memory for one stage's curvatures", "4 * kPanelWords + 2 * kOuterRows", "4 * kPanelWords + kOuterRows"),
    ("memory for three panels", "4 * kPanelWords + 2 * kOuterRows", "3 * kPanelWords + 2 * kOuterRows"),
    ("right columns from the left's", "end, first_right, kOuterTile", "end, first_left, kOuterTile"),
    ("left with the wrong stride", "(next.row + r) * a.stride + first_left + j", "(next.row + r) * a.n_left + first_left + j"),
    ("a row of a panel lost", "for (int r = 0; r < kOuterRows; ++r)", "for (int r = 0; r < kOuterRows - 1; ++r)"),
)

LAUNCHES = of(
    "row_passes.cuh",
    ("slabs written over each other", "all[i] += some[i];", "all[i] = some[i];"),
    ("second slab from row 0", "out.push_back({first, end,", "out.push_back({0, end,"),
    ("one tile of the triangle too few", "? across * (across + 1) / 2", "? across * (across + 1) / 2 - (across > 1)"),
    ("every block does every chunk", "std::min(launch.most_blocks, chunks.count)", "chunks.count", "the blocks' number decides nothing"),
    ("no blocks for columns beyond one's", ": (d + arguments.columns - 1) / arguments.columns;", ": 1;"),
)

REDUCE = of(
    "reduce.cuh",
    ("no barrier", "  sums[threadIdx.x] = sum;\n  __syncthreads();", "  sums[threadIdx.x] = sum;"),
    ("last slice lost", "other < kReduceSlices; ++other", "other < kReduceSlices - 1; ++other"),
    ("half the memory", "kReduceBlock * sizeof(double)", "kReduceBlock * sizeof(double) / 2"),
    ("columns past the end written", "if (slice == 0 && column < n)", "if (slice == 0)"),
    ("columns past the end read", "  if (column < n) {\n#pragma", "  {\n#pragma"),
    ("parts of the next slice", "part < n_parts; part += kReduceSlices", "part < n_parts - 1; part += kReduceSlices"),
)

NORMALS = of(
    "normals.cuh",
    ("threads past the end", "  if (i >= n) return;\n", ""),
    ("elements past a draw's end", "if (element + k < dimension) to[k]", "to[k]"),
    ("four at once to any address", " && reinterpret_cast<std::uintptr_t>(out) % 16 == 0;", ";"),
    ("draws of no number", "first_draw + draw, four)", "first_draw, four)"),
)

MUTANTS = PANEL + TERMS + PASSES + FUSED + PROJECT + OUTER + LAUNCHES + REDUCE + NORMALS

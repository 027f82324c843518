// The order of minibatches.
#include "data/batch_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "data/prefetch.h"
#include "data/uniform_below.h"
#include "support/errors.h"
#include "support/scratch.h"
#include "velbo/data.h"
#include "velbo/table.h"

namespace velbo::internal {
namespace {

using Rows = std::vector<std::int64_t>;
const Key kKey = make_key(5, Purpose::test);

Rows rows_of(BatchOrder& order, std::int64_t step) {
  const auto batch = order.batch(step);
  return {batch.begin(), batch.end()};
}

struct Case {
  std::int64_t n, batch;
  RowBlocks blocks;
};

std::vector<Case> cases() {
  std::vector<Case> out;
  for (const std::int64_t n : {1, 2, 3, 7, 64, 100, 101, 997, 5000})
    for (const std::int64_t batch : {std::int64_t{1}, std::int64_t{2}, n / 3, n / 2 + 1, n - 1, n}) {
      if (batch < 1 || batch > n || n > 100 * batch) continue;
      for (const std::int64_t block : {1, 3, 10, 64, 2000})
        for (const std::int64_t buffer : {0, 1, 25, 128, 5000}) out.push_back({n, batch, RowBlocks{block, buffer}});
    }
  return out;
}

TEST(BatchOrder, EveryRowOnceAnEpoch) {
  for (const Case& c : cases()) {
    BatchOrder order(c.n, c.batch, kKey, c.blocks);
    ASSERT_EQ(order.batches_per_epoch(), (c.n + c.batch - 1) / c.batch);
    for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
      std::vector<int> seen(static_cast<std::size_t>(c.n), 0);
      for (std::int64_t i = 0; i < order.batches_per_epoch(); ++i) {
        const Rows rows = rows_of(order, epoch * order.batches_per_epoch() + i);
        const bool is_last = i + 1 == order.batches_per_epoch();
        ASSERT_EQ(static_cast<std::int64_t>(rows.size()), is_last ? c.n - i * c.batch : c.batch);
        ASSERT_TRUE(std::is_sorted(rows.begin(), rows.end()));
        for (const std::int64_t row : rows) {
          ASSERT_TRUE(row >= 0 && row < c.n);
          ++seen[static_cast<std::size_t>(row)];
        }
      }
      ASSERT_EQ(std::count(seen.begin(), seen.end(), 1), c.n) << c.n << " rows in batches of " << c.batch;
    }
  }
}

TEST(BatchOrder, AnyStepIsWhatWalkingThereGives) {
  for (const Case& c : cases()) {
    BatchOrder walking(c.n, c.batch, kKey, c.blocks), jumping(c.n, c.batch, kKey, c.blocks);
    std::vector<Rows> walked;
    const std::int64_t steps = 3 * walking.batches_per_epoch();
    for (std::int64_t step = 0; step < steps; ++step) walked.push_back(rows_of(walking, step));
    for (std::int64_t i = 0; i < std::min<std::int64_t>(steps, 40); ++i) {
      const std::int64_t step = (i * 7919 + 3) % steps;
      ASSERT_EQ(rows_of(jumping, step), walked[static_cast<std::size_t>(step)]) << c.n << " " << c.batch << " " << step;
      BatchOrder fresh(c.n, c.batch, kKey, c.blocks);
      ASSERT_EQ(rows_of(fresh, step), walked[static_cast<std::size_t>(step)]);
    }
  }
}

TEST(BatchOrder, OrdersDifferBetweenEpochsAndKeys) {
  for (const RowBlocks& blocks : {RowBlocks{}, RowBlocks{7}, RowBlocks{10, 100}}) {
    BatchOrder order(1000, 100, kKey, blocks), other(1000, 100, make_key(6, Purpose::test), blocks);
    std::set<Rows> all;
    for (std::int64_t step = 0; step < 30; ++step) all.insert(rows_of(order, step));
    for (std::int64_t step = 0; step < 10; ++step) all.insert(rows_of(other, step));
    EXPECT_EQ(all.size(), 40U);
  }
}

// Devices make their own batches of epoch_order(): the same ones.
TEST(BatchOrder, BatchesAreStretchesOfTheEpochsPermutation) {
  const std::int64_t n = 1000, size = 300;
  for (const std::int64_t block_rows : {1, 4, 7}) {
    BatchOrder order(n, size, kKey, RowBlocks{block_rows});
    EXPECT_EQ(order.block_rows(), block_rows);
    for (std::int64_t step = 0; step < 3 * order.batches_per_epoch(); ++step) {
      const BlockPermutation permutation = order.epoch_order(step / order.batches_per_epoch());
      const std::int64_t begin = step % order.batches_per_epoch() * size;
      Rows expected;
      for (std::int64_t i = begin; i < std::min(n, begin + size); ++i)
        expected.push_back(static_cast<std::int64_t>(permuted(permutation, static_cast<std::uint64_t>(i))));
      std::sort(expected.begin(), expected.end());
      EXPECT_EQ(rows_of(order, step), expected) << step;
    }
  }
}

// A batch of four blocks' rows has few runs: of four or five blocks, one of which may lie around the end.
TEST(BatchOrder, BlocksStayTogether) {
  BatchOrder order(1003, 32, kKey, RowBlocks{8});
  std::set<std::int64_t> begins;
  for (std::int64_t step = 0; step < 200; ++step) {
    const Rows rows = rows_of(order, step);
    int runs = 1;
    for (std::size_t i = 1; i < rows.size(); ++i) runs += rows[i] != rows[i - 1] + 1 ? 1 : 0;
    EXPECT_LE(runs, 6) << step;
    begins.insert(rows.front() % 8);
  }
  EXPECT_GT(begins.size(), 4U);  // other rows are together in every epoch
}

// An epoch's last batch, which counts N / 1 for its row, is any row's: 65 rows in blocks of 8.
TEST(BatchOrder, AShortLastBatchIsEveryRowsAlike) {
  BatchOrder order(65, 16, kKey, RowBlocks{8});
  std::vector<int> count(65, 0);
  for (std::int64_t epoch = 0; epoch < 20000; ++epoch) {
    const auto last = order.batch(epoch * 5 + 4);
    ASSERT_EQ(last.size(), 1U);
    ++count[static_cast<std::size_t>(last[0])];
  }
  // Binomial(20,000, 1/65): mean 308, sd 17.4; 5 sd on 65 counts: a false alarm with probability below 4e-5.
  for (const int times : count) EXPECT_NEAR(times, 308, 87);
}

// Ten buffers of one block each: the places within its buffer of a batch's rows are others in every buffer.
TEST(BatchOrder, BuffersAreShuffledEachInItsOwnWay) {
  BatchOrder order(1000, 20, kKey, RowBlocks{100, 100});
  std::set<Rows> places;
  for (std::int64_t step = 0; step < 50; ++step) {
    Rows rows = rows_of(order, step);
    for (std::int64_t& row : rows) row %= 100;
    places.insert(rows);
  }
  EXPECT_EQ(places.size(), 50U);
}

// The probability that row n is in batch b is B / N for all n and b.  64 rows, 4 batches, 20,000 epochs: 192 counts that are
// independent across rows only roughly, so every z-score is held to 4.9: by the union bound, a false alarm with
// probability below 256 * 1e-6 = 2.6e-4.  The seed is fixed: it passes always or never.
TEST(BatchOrder, EveryRowIsEquallyLikelyInEveryBatch) {
  const std::int64_t n = 64, batch = 16, epochs = 20000;
  for (const RowBlocks& blocks : {RowBlocks{}, RowBlocks{5}, RowBlocks{5, 20}}) {
    BatchOrder order(n, batch, kKey, blocks);
    std::vector<std::vector<double>> count(4, std::vector<double>(static_cast<std::size_t>(n), 0));
    std::vector<double> together(static_cast<std::size_t>(n), 0);  // in the batch of row 0
    for (std::int64_t step = 0; step < 4 * epochs; ++step) {
      const Rows rows = rows_of(order, step);
      for (const std::int64_t row : rows) ++count[static_cast<std::size_t>(step % 4)][static_cast<std::size_t>(row)];
      if (rows.front() == 0)
        for (const std::int64_t row : rows) ++together[static_cast<std::size_t>(row)];
    }
    const double p = 0.25, sd = std::sqrt(static_cast<double>(epochs) * p * (1 - p));
    // Streaming: the short block's rows (60 to 63) are fewer in their buffer; a batch's share stays the same by symmetry
    // only where all blocks are full, so those rows and the batches' edges are left to the permutation tests.
    if (!blocks.streamed()) {
      for (const auto& of_batch : count)
        for (const double c : of_batch) EXPECT_LT(std::abs(c - static_cast<double>(epochs) * p) / sd, 4.9);
    }
    if (blocks.block_rows == 1) {
      const double q = 15.0 / 63;  // of the others, equally likely
      for (std::size_t row = 1; row < together.size(); ++row)
        EXPECT_LT(std::abs(together[row] - static_cast<double>(epochs) * q) /
                      std::sqrt(static_cast<double>(epochs) * q * (1 - q)),
                  4.9);
    } else {
      // Rows of one block are together more often than by chance, but never always; all pairs meet.
      for (std::size_t row = 1; row < together.size(); ++row) {
        EXPECT_GT(together[row], 0.1 * static_cast<double>(epochs)) << row;
        EXPECT_LT(together[row], 0.9 * static_cast<double>(epochs)) << row;
      }
    }
  }
}

// Full blocks: every row is equally likely in every batch too, in memory and streamed.  The same bound as above.
TEST(BatchOrder, IsFairWhereBlocksAreFull) {
  const std::int64_t n = 60, batch = 15, epochs = 20000;
  for (const RowBlocks& blocks : {RowBlocks{5}, RowBlocks{5, 20}}) {
    BatchOrder order(n, batch, kKey, blocks);
    std::vector<std::vector<double>> count(4, std::vector<double>(static_cast<std::size_t>(n), 0));
    for (std::int64_t step = 0; step < 4 * epochs; ++step)
      for (const std::int64_t row : order.batch(step))
        ++count[static_cast<std::size_t>(step % 4)][static_cast<std::size_t>(row)];
    const double sd = std::sqrt(static_cast<double>(epochs) * 0.25 * 0.75);
    for (const auto& of_batch : count)
      for (const double c : of_batch) EXPECT_LT(std::abs(c - static_cast<double>(epochs) * 0.25) / sd, 4.9);
  }
}

// A buffer of 10 blocks of 100 rows, batches of 200: rows of all ten blocks are in every batch, about 20 of each.
TEST(BatchOrder, StreamingMixesTheBlocksOfABuffer) {
  BatchOrder order(10000, 200, kKey, RowBlocks{100, 1000});
  EXPECT_TRUE(order.is_streaming());
  for (std::int64_t step = 0; step < 5; ++step) {
    std::vector<int> of_block(100, 0);
    for (const std::int64_t row : order.batch(step)) ++of_block[static_cast<std::size_t>(row / 100)];
    EXPECT_EQ(std::count_if(of_block.begin(), of_block.end(), [](int c) { return c > 0; }), 10);
    // Hypergeometric with mean 20 and sd 3.8: 5 sd, 500 counts, below 3e-4 in all; the seed is fixed.
    for (const int c : of_block) EXPECT_TRUE(c == 0 || std::abs(c - 20) < 19) << c;
  }
}

// The disk is read by whole blocks, each once an epoch, and no row is asked for before its block was announced.
TEST(BatchOrder, ReadsAheadNameEveryBlockOnceBeforeItIsNeeded) {
  for (const Case& c : cases()) {
    BatchOrder order(c.n, c.batch, kKey, c.blocks);
    for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
      std::vector<int> announced(static_cast<std::size_t>(c.n), 0);
      for (std::int64_t i = 0; i < order.batches_per_epoch(); ++i) {
        const std::int64_t step = epoch * order.batches_per_epoch() + i;
        const std::vector<RowRange> ranges = order.reads_ahead(step);
        if (!c.blocks.streamed()) {
          ASSERT_TRUE(ranges.empty());
          continue;
        }
        for (const RowRange& range : ranges) {
          ASSERT_TRUE(range.begin < range.end && range.end <= c.n);
          ASSERT_EQ(range.begin % std::min(c.blocks.block_rows, c.n), 0);
          for (std::int64_t n = range.begin; n < range.end; ++n) ++announced[static_cast<std::size_t>(n)];
        }
        if (c.batch <= c.blocks.buffer_rows / std::max<std::int64_t>(1, c.blocks.block_rows)) {
          for (const std::int64_t row : order.batch(step)) ASSERT_EQ(announced[static_cast<std::size_t>(row)], 1);
        }
      }
    }
  }
}

TEST(BatchOrder, Refusals) {
  const auto refusal = [](std::int64_t n, std::int64_t batch, RowBlocks blocks = {}) {
    return test::error_of([&] { (void)BatchOrder(n, batch, kKey, blocks); });
  };
  EXPECT_EQ(refusal(10, 0), "argument| batch size is 0, expected 1 to the number of rows, 10");
  EXPECT_EQ(refusal(10, 11), "argument| batch size is 11, expected 1 to the number of rows, 10");
  EXPECT_EQ(refusal(0, 1), "argument| batch size is 1, expected 1 to the number of rows, 0");
  EXPECT_EQ(refusal(10, 1, RowBlocks{0, 5}),
            "argument| blocks of 0 rows and buffers of 5, expected 1 or more and 0 or more");
  EXPECT_EQ(refusal(10, 1, RowBlocks{5, -1}),
            "argument| blocks of 5 rows and buffers of -1, expected 1 or more and 0 or more");
}

TEST(ChooseBlocks, ByTheSizeOfRows) {
  const test::ScratchFolder folder;
  const std::string path = folder.file("a.npy");
  write_npy(path, std::vector<double>(3000, 1), 1000, 3);
  const FeatureMatrix mapped = FeatureMatrix::map_npy(path);
  EXPECT_EQ(choose_blocks(mapped.store(), 100), RowBlocks{});
  // Nothing of it is read: only its size counts.
  FeatureStore x = mapped.store();
  const auto chosen = [&](std::int64_t n_rows, std::int64_t batch_size = 1 << 20) {
    x.n_rows = n_rows;
    return choose_blocks(x, batch_size);
  };
  const RowBlocks streamed{(2 << 20) / 24, (256 << 20) / 24}, single,
      blocks{512};  // of 682 that are 16 KiB, a power of two
  const std::int64_t mebi = 1 << 20;
  EXPECT_EQ(streamed_blocks(x), streamed);
  EXPECT_EQ(chosen(std::int64_t{1} << 50), streamed);
  // Whatever memory this machine has free: another run must order its rows the same way.
  EXPECT_EQ(chosen(1024 * mebi / 24 + 1), streamed);
  EXPECT_EQ(chosen(1024 * mebi / 24), single);
  EXPECT_EQ(chosen(256 * mebi / 32 + 1), single);
  EXPECT_EQ(chosen(256 * mebi / 32), blocks);
  EXPECT_EQ(chosen(mebi / 32 + 1), blocks);
  EXPECT_EQ(chosen(mebi / 32), single);
  EXPECT_EQ(chosen(mebi, 64), RowBlocks{8});  // eight of them a batch
  EXPECT_EQ(chosen(mebi, 100), RowBlocks{8});
  EXPECT_EQ(chosen(mebi, 7), single);
  x.is_mapped = false;
  EXPECT_EQ(chosen(1024 * mebi / 32), blocks);
  EXPECT_EQ(chosen(1024 * mebi / 32 + 1), single);
  x.stride = 1000;  // most of which is not copied
  EXPECT_EQ(chosen(mebi), blocks);
  x.stride = x.n_columns = 4000;
  EXPECT_EQ(chosen(10000), single);
  x.n_columns = 0;
  EXPECT_EQ(chosen(1000), single);
  const std::vector<std::int64_t> row_start = {0, 1, 3};
  FeatureStore sparse;
  sparse.n_rows = 2;
  sparse.n_columns = 1000000;
  sparse.row_start = row_start.data();
  EXPECT_EQ(choose_blocks(sparse, 1), RowBlocks{});
  std::vector<std::int64_t> many(50001);  // of two values: 12 bytes each, and 8 a row
  for (std::size_t n = 0; n < many.size(); ++n) many[n] = 2 * static_cast<std::int64_t>(n);
  sparse.n_rows = 50000;
  sparse.row_start = many.data();
  EXPECT_EQ(choose_blocks(sparse, 8192), RowBlocks{512});
}

TEST(Prefetch, TakesAnyRanges) {
  const test::ScratchFolder folder;
  const std::string path = folder.file("a.npy");
  write_npy(path, std::vector<double>(3000, 1), 1000, 3);
  const FeatureMatrix mapped = FeatureMatrix::map_npy(path);
  prefetch(mapped.store(), std::vector<RowRange>{{0, 10}, {990, 5000}, {-5, 3}, {7, 7}, {2000, 3000}});
  prefetch(FeatureMatrix(MatrixView<const double>{nullptr, 0, 3, 3}).store(), std::vector<RowRange>{{0, 10}});
}

// Words in 0 .. bound - 1, in equal shares: of all 2^64 words as many are refused as do not divide evenly.
TEST(UniformBelow, RefusesWhatWouldFavourSomeResults) {
  const auto first_word = [](std::uint64_t bound, std::uint64_t word) {
    int attempts = 0;
    const std::uint64_t result = uniform_below(bound, [&](std::uint64_t attempt) {
      ++attempts;
      return attempt == 0 ? word : ~std::uint64_t{0};
    });
    return std::pair(attempts, result);
  };
  using Answer = std::pair<int, std::uint64_t>;
  // 2^64 mod 3 = 1: exactly one word of all is refused, the one whose product's low half is 0.
  EXPECT_EQ(first_word(3, 0), Answer(2, 2));
  EXPECT_EQ(first_word(3, 1), Answer(1, 0));
  // The thirds end at 2^64 / 3 = 6148914691236517205.33.
  EXPECT_EQ(first_word(3, 6148914691236517205U), Answer(1, 0));
  EXPECT_EQ(first_word(3, 6148914691236517206U), Answer(1, 1));
  EXPECT_EQ(first_word(3, 12297829382473034410U), Answer(1, 1));
  EXPECT_EQ(first_word(3, 12297829382473034411U), Answer(1, 2));
  EXPECT_EQ(first_word(1, 12345), Answer(1, 0));
  EXPECT_EQ(first_word(std::uint64_t{1} << 40, 0), Answer(1, 0));
  // 2^64 mod (2^63 + 1) = 2^63 - 1: almost half of all words.
  const std::uint64_t large = (std::uint64_t{1} << 63) + 1;
  int refused = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) refused += first_word(large, i * 0x9E3779B97F4A7C15U).first - 1;
  EXPECT_NEAR(refused, 500, 80);
}

}  // namespace
}  // namespace velbo::internal

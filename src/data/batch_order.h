// data/batch_order.h - which rows make up each minibatch: a pure function of a key and the step.
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "data/feature_store.h"
#include "math/block_permutation.h"
#include "velbo/random.h"

namespace velbo::internal {

struct RowRange {
  std::int64_t begin = 0, end = 0;
  friend bool operator==(const RowRange&, const RowRange&) = default;
};

// What an epoch's order is made of.
struct RowBlocks {
  std::int64_t block_rows =
      1;  // consecutive rows that stay together: in an epoch's order or, streamed, when they are read
  std::int64_t buffer_rows =
      0;  // streamed: rows that are shuffled together, rounded down to whole blocks, at least one;
          // 0: all rows are in memory
  [[nodiscard]] bool streamed() const noexcept { return buffer_rows > 0; }
  friend bool operator==(const RowBlocks&, const RowBlocks&) = default;
};

// Every row once an epoch, in an order that is new each epoch: step s is batch s % batches_per_epoch() of epoch s /
// batches_per_epoch(), whose order comes from fold_in(key, epoch).  The last batch of an epoch may be short.  Any step can be
// asked for at any time and gives what walking there gives; walking forward is what is quick.
//
// Rows within a batch are ascending: a sum over them does not depend on how they were shuffled, and memory is walked one
// way.
//
// In memory, an epoch is a random permutation of all blocks that is never stored (math/block_permutation.h), so that devices
// make their own batches.  Blocks of more than one row are read faster, and are for rows that are in random order as they lie.
// Data that do not fit into memory are streamed: blocks are permuted, `buffer_rows` rows' worth of them at a time is shuffled
// together (Fisher and Yates), and batches are cut from that.  So the disk is read in blocks and at most two buffers are in
// use, while every row of a buffer is as likely to be in each of its batches.
class BatchOrder {
 public:
  // Throws Error(argument) unless 1 <= batch_size <= n_rows, block_rows >= 1 and buffer_rows >= 0.
  BatchOrder(std::int64_t n_rows, std::int64_t batch_size, Key key, RowBlocks blocks = {});

  [[nodiscard]] std::int64_t batches_per_epoch() const noexcept { return (n_rows_ + batch_size_ - 1) / batch_size_; }
  [[nodiscard]] std::int64_t batch_size() const noexcept { return batch_size_; }
  [[nodiscard]] bool is_streaming() const noexcept { return blocks_.streamed(); }
  [[nodiscard]] std::int64_t block_rows() const noexcept { return blocks_.block_rows; }

  [[nodiscard]] std::int64_t rows_of_batch(std::int64_t step) const noexcept {
    return std::min(batch_size_, n_rows_ - step % batches_per_epoch() * batch_size_);
  }
  // The rows of batch `step` >= 0, ascending; until the next call.
  std::span<const std::int64_t> batch(std::int64_t step);

  // In memory: the permutation of an epoch; its batch b is elements b * batch size, ... of it.
  [[nodiscard]] BlockPermutation epoch_order(std::int64_t epoch) const;
  [[nodiscard]] Key key() const noexcept { return key_; }

  // What to have read soon, to be asked just before batch(step): when that batch enters a buffer, the rows of the next
  // one (and of its own, at the first call), in blocks; else nothing.  Always nothing in memory.
  std::vector<RowRange> reads_ahead(std::int64_t step);

 private:
  // Streaming: a part of an epoch that is permuted on its own.
  struct Buffer {
    std::int64_t epoch = -1, index = -1;
    Key key;
    std::vector<std::int64_t> rows;  // the first `done` are final
    std::size_t done = 0;
    void shuffle_to(std::size_t end);
  };

  void append_in_memory(std::int64_t epoch, std::int64_t begin,
                        std::int64_t end);  // elements of the epoch's order to batch_
  void enter_epoch(std::int64_t epoch);
  [[nodiscard]] std::int64_t n_buffers() const noexcept;
  [[nodiscard]] std::int64_t buffer_start(std::int64_t index) const noexcept;  // position within the epoch
  [[nodiscard]] std::int64_t buffer_at(std::int64_t position) const noexcept;
  void append_blocks(std::int64_t index, std::vector<RowRange>& out) const;
  Buffer& load(std::int64_t epoch, std::int64_t index);

  std::int64_t n_rows_, batch_size_;
  Key key_;
  RowBlocks blocks_;
  std::int64_t epoch_ = -1;
  std::vector<std::int64_t> block_order_;  // streaming: this epoch's order of blocks
  std::int64_t short_at_ = -1;             // where in it the block is that has fewer rows
  Buffer buffer_;
  std::int64_t announced_epoch_ = -1, announced_ = -1;  // the last buffer that reads_ahead() has named
  std::vector<std::int64_t> batch_, scratch_;
  std::vector<RowRange> runs_;
};

// A mapped file of more than a gigabyte: batches follow its order on the disk.
bool is_streamed(const FeatureStore& x);
// In blocks of 2 MiB and buffers of 256 MiB.
RowBlocks streamed_blocks(const FeatureStore& x);
// How to order the rows of a matrix for batches of this size: streamed where it is_streamed(); blocks of several rows where a
// copy in random order is to be made of them (models/shuffled_rows.h), which is for rows that with their outcomes take more
// than 1 MiB and at most 1 GiB (mapped: 256 MiB).  Such blocks have up to 16 KiB, batches at least eight of them.
RowBlocks choose_blocks(const FeatureStore& x, std::int64_t batch_size);

}  // namespace velbo::internal

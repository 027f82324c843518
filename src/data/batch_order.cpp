// data/batch_order.cpp
#include "data/batch_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <utility>

#include "data/uniform_below.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kBlockBytes = std::int64_t{2} << 20;
constexpr std::int64_t kBufferBytes = std::int64_t{256} << 20;
// A constant, not the memory that is free just now: a fit that is resumed or run again orders its rows the same way.
constexpr double kStreamedBytes = 1 << 30;
constexpr double kCachedBytes = 1 << 20;  // rows of fewer are anywhere as quick to read
// Of a copy: a second one of what is in memory, or the first of what is in a file and would leave memory again.
constexpr double kMostInMemory = 1 << 30, kMostOfAFile = 1 << 28;
constexpr std::int64_t kRunBytes = 16384;    // of a block in memory: reading them takes longer than finding them
constexpr std::int64_t kLeastBlocks = 8;     // of a batch
constexpr std::uint64_t kBlocksOfEpoch = 0;  // what an epoch's key is folded with; buffers are 1, 2, ...

// Of features alone, one row behind the other.
double row_bytes(const FeatureStore& x) {
  if (x.row_start != nullptr)
    return 8 +
           12 * static_cast<double>(x.row_start[x.n_rows]) / static_cast<double>(std::max<std::int64_t>(1, x.n_rows));
  return static_cast<double>(x.n_columns) * (x.element == Element::float32 ? 4 : 8);
}

// As they are read from a file, with what lies between them.
double stored_row_bytes(const FeatureStore& x) {
  return static_cast<double>(std::max<std::int64_t>(1, x.stride)) * (x.element == Element::float32 ? 4 : 8);
}

std::int64_t rows_in(std::int64_t bytes, double bytes_of_a_row) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(bytes) / bytes_of_a_row));
}

// Fisher and Yates from the front: items[begin .. end) become final.  Which item is swapped to place i depends on the key
// and i alone, so that a shuffle can stop and go on.
template <class T>
void shuffle(std::vector<T>& items, std::size_t begin, std::size_t end, Key key) {
  std::array<std::size_t, 64> chosen{};
  for (std::size_t first = begin; first < end; first += chosen.size()) {
    const std::size_t count = std::min(chosen.size(), end - first);
    for (std::size_t k = 0; k < count; ++k) {
      const std::size_t i = first + k;
      chosen[k] = i + static_cast<std::size_t>(uniform_below(items.size() - i, key, i));
      __builtin_prefetch(&items[chosen[k]], 1);  // the items are anywhere in memory, and each waits for none
    }
    for (std::size_t k = 0; k < count; ++k) std::swap(items[first + k], items[chosen[k]]);
  }
}

// Ascending, by digits of 11 bits: numbers below a known bound need no comparisons.
void sort_below(std::vector<std::int64_t>& values, std::vector<std::int64_t>& scratch, std::int64_t bound) {
  constexpr int kBits = 11;
  constexpr std::int64_t kMask = (1 << kBits) - 1;
  if (values.size() < 1024) {
    std::sort(values.begin(), values.end());
    return;
  }
  scratch.resize(values.size());
  for (int shift = 0; shift < 63 && (bound - 1) >> shift != 0; shift += kBits) {
    std::array<std::size_t, kMask + 1> place{};
    for (const std::int64_t value : values) ++place[static_cast<std::size_t>(value >> shift & kMask)];
    std::exclusive_scan(place.begin(), place.end(), place.begin(), std::size_t{0});
    for (const std::int64_t value : values) scratch[place[static_cast<std::size_t>(value >> shift & kMask)]++] = value;
    values.swap(scratch);
  }
}

// Elements [begin, end) of a permutation, in any order: a group at once, then those of it that have further to walk.
void append_permuted(const Permutation& p, std::int64_t begin, std::int64_t end, std::vector<std::int64_t>& out) {
  constexpr int kGroup = 128;
  std::array<std::uint64_t, kGroup> walking{};
  std::size_t left = 0;
  const std::uint64_t low_mask = (std::uint64_t{1} << p.low_bits) - 1;
  for (std::int64_t next = begin; next < end || left > 0;) {
    while (left < kGroup && next < end) walking[left++] = static_cast<std::uint64_t>(next++);
    std::uint32_t high[kGroup] = {}, low[kGroup] = {};
    for (std::size_t i = 0; i < left; ++i) {
      high[i] = static_cast<std::uint32_t>(walking[i] >> p.low_bits);
      low[i] = static_cast<std::uint32_t>(walking[i] & low_mask);
    }
    permute_halves(p, high, low);
    std::size_t on = 0;
    for (std::size_t i = 0; i < left; ++i) {
      const std::uint64_t at = (std::uint64_t{high[i]} << p.low_bits) | low[i];
      if (at < p.n) {
        out.push_back(static_cast<std::int64_t>(at));
      } else {
        walking[on++] = at;
      }
    }
    left = on;
  }
}

}  // namespace

void BatchOrder::Buffer::shuffle_to(std::size_t end) {
  if (end <= done) return;
  shuffle(rows, done, end, key);
  done = end;
}

BatchOrder::BatchOrder(std::int64_t n_rows, std::int64_t batch_size, Key key, RowBlocks blocks)
    : n_rows_(n_rows), batch_size_(batch_size), key_(key), blocks_(blocks) {
  if (batch_size < 1 || batch_size > n_rows)
    throw Error(ErrorCode::argument,
                fmt::format("batch size is {}, expected 1 to the number of rows, {}", batch_size, n_rows));
  if (blocks_.block_rows < 1 || blocks_.buffer_rows < 0)
    throw Error(ErrorCode::argument,
                fmt::format("blocks of {} rows and buffers of {}, expected 1 or more and 0 or more", blocks_.block_rows,
                            blocks_.buffer_rows));
  blocks_.block_rows = std::min(blocks_.block_rows, n_rows);
  if (blocks_.streamed())
    blocks_.buffer_rows = std::max<std::int64_t>(1, blocks_.buffer_rows / blocks_.block_rows) * blocks_.block_rows;
}

BlockPermutation BatchOrder::epoch_order(std::int64_t epoch) const {
  return make_block_permutation(fold_in(key_, static_cast<std::uint64_t>(epoch)).value,
                                static_cast<std::uint64_t>(n_rows_), static_cast<std::uint64_t>(blocks_.block_rows));
}

void BatchOrder::append_in_memory(std::int64_t epoch, std::int64_t begin, std::int64_t end) {
  const BlockPermutation p = epoch_order(epoch);
  if (p.size == 1) {
    append_permuted(p.blocks, begin, end, batch_);
    sort_below(batch_, scratch_, n_rows_);
    return;
  }
  runs_.clear();
  for (std::int64_t at = begin; at < end;) {
    const auto number = static_cast<std::int64_t>(from_first(p, static_cast<std::uint64_t>(at)));
    const std::int64_t stop = std::min(n_rows_, (number / blocks_.block_rows + 1) * blocks_.block_rows);
    const std::int64_t count = std::min(end - at, stop - number);
    const std::int64_t row = (static_cast<std::int64_t>(p.first) + number) % n_rows_;
    const std::int64_t to_the_end = std::min(count, n_rows_ - row);
    runs_.push_back({row, row + to_the_end});
    if (to_the_end < count) runs_.push_back({0, count - to_the_end});
    at += count;
  }
  std::sort(runs_.begin(), runs_.end(), [](const RowRange& a, const RowRange& b) { return a.begin < b.begin; });
  batch_.resize(static_cast<std::size_t>(end - begin));
  std::int64_t* to = batch_.data();
  for (const RowRange& run : runs_)
    for (std::int64_t row = run.begin; row < run.end; ++row) *to++ = row;
}

void BatchOrder::enter_epoch(std::int64_t epoch) {
  if (epoch_ == epoch || !is_streaming()) return;
  epoch_ = epoch;
  const std::int64_t n_blocks = (n_rows_ + blocks_.block_rows - 1) / blocks_.block_rows;
  block_order_.resize(static_cast<std::size_t>(n_blocks));
  std::iota(block_order_.begin(), block_order_.end(), 0);
  const Key key = fold_in(fold_in(key_, static_cast<std::uint64_t>(epoch)), kBlocksOfEpoch);
  shuffle(block_order_, 0, block_order_.size(), key);
  short_at_ = std::find(block_order_.begin(), block_order_.end(), n_blocks - 1) - block_order_.begin();
}

std::int64_t BatchOrder::n_buffers() const noexcept {
  return (n_rows_ + blocks_.buffer_rows - 1) / blocks_.buffer_rows;
}

std::int64_t BatchOrder::buffer_start(std::int64_t index) const noexcept {
  if (index == 0) return 0;
  if (index >= n_buffers()) return n_rows_;
  const std::int64_t blocks_before = index * (blocks_.buffer_rows / blocks_.block_rows);
  const std::int64_t lacking =
      static_cast<std::int64_t>(block_order_.size()) * blocks_.block_rows - n_rows_;  // of the short block
  return blocks_before * blocks_.block_rows - (short_at_ < blocks_before ? lacking : 0);
}

std::int64_t BatchOrder::buffer_at(std::int64_t position) const noexcept {
  std::int64_t index = position / blocks_.buffer_rows;
  while (buffer_start(index + 1) <= position)
    ++index;  // at most once: a short block moves starts by less than a buffer
  return index;
}

void BatchOrder::append_blocks(std::int64_t index, std::vector<RowRange>& out) const {
  const std::int64_t size = blocks_.block_rows, per_buffer = blocks_.buffer_rows / size;
  const auto end = std::min(static_cast<std::int64_t>(block_order_.size()), (index + 1) * per_buffer);
  for (std::int64_t i = index * per_buffer; i < end; ++i) {
    const std::int64_t begin = block_order_[static_cast<std::size_t>(i)] * size;
    out.push_back({begin, std::min(n_rows_, begin + size)});
  }
}

BatchOrder::Buffer& BatchOrder::load(std::int64_t epoch, std::int64_t index) {
  Buffer& b = buffer_;
  if (b.epoch == epoch && b.index == index) return b;
  b.epoch = epoch;
  b.index = index;
  b.done = 0;
  b.key = fold_in(fold_in(key_, static_cast<std::uint64_t>(epoch)), static_cast<std::uint64_t>(index) + 1);
  b.rows.clear();
  std::vector<RowRange> blocks;
  append_blocks(index, blocks);
  for (const RowRange& block : blocks)
    for (std::int64_t n = block.begin; n < block.end; ++n) b.rows.push_back(n);
  return b;
}

std::span<const std::int64_t> BatchOrder::batch(std::int64_t step) {
  const std::int64_t epoch = step / batches_per_epoch();
  enter_epoch(epoch);
  const std::int64_t begin = step % batches_per_epoch() * batch_size_, end = std::min(n_rows_, begin + batch_size_);
  batch_.clear();
  if (!is_streaming()) {
    append_in_memory(epoch, begin, end);
    return batch_;
  }
  for (std::int64_t at = begin; at < end;) {
    const std::int64_t index = buffer_at(at), start = buffer_start(index);
    const std::int64_t stop = std::min(end, buffer_start(index + 1));
    Buffer& b = load(epoch, index);
    b.shuffle_to(static_cast<std::size_t>(stop - start));
    batch_.insert(batch_.end(), b.rows.begin() + (at - start), b.rows.begin() + (stop - start));
    at = stop;
  }
  sort_below(batch_, scratch_, n_rows_);
  return batch_;
}

std::vector<RowRange> BatchOrder::reads_ahead(std::int64_t step) {
  std::vector<RowRange> out;
  if (!is_streaming()) return out;
  const std::int64_t epoch = step / batches_per_epoch();
  const std::int64_t end = std::min(n_rows_, (step % batches_per_epoch() + 1) * batch_size_);
  enter_epoch(epoch);
  const std::int64_t index = buffer_at(end - 1);
  if (announced_epoch_ == epoch && announced_ == index + 1) return out;
  // Not yet named: this buffer where the walk began here, and the next one.  The next epoch's first buffer is left to
  // its own first batch: its order is not known before the epoch is entered.
  const std::int64_t from = announced_epoch_ == epoch && announced_ == index ? index + 1 : index;
  for (std::int64_t i = from; i <= index + 1 && i < n_buffers(); ++i) append_blocks(i, out);
  announced_epoch_ = epoch;
  announced_ = index + 1;
  return out;
}

RowBlocks streamed_blocks(const FeatureStore& x) {
  const double bytes = stored_row_bytes(x);
  return {rows_in(kBlockBytes, bytes), rows_in(kBufferBytes, bytes)};
}

bool is_streamed(const FeatureStore& x) {
  return x.is_mapped && stored_row_bytes(x) * static_cast<double>(x.n_rows) > kStreamedBytes;
}

RowBlocks choose_blocks(const FeatureStore& x, std::int64_t batch_size) {
  if (is_streamed(x)) return streamed_blocks(x);
  constexpr double outcome_bytes = 8;  // are copied too
  const double copied = (row_bytes(x) + outcome_bytes) * static_cast<double>(x.n_rows);
  if (copied <= kCachedBytes || copied > (x.is_mapped ? kMostOfAFile : kMostInMemory)) return {};
  const std::int64_t rows = std::min(rows_in(kRunBytes, row_bytes(x)), batch_size / kLeastBlocks);
  // Powers of two divide batches, which are then of whole blocks.
  return {.block_rows =
              static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(std::max<std::int64_t>(1, rows))))};
}

}  // namespace velbo::internal

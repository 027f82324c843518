// backend/row_stream.cpp
#include "backend/row_stream.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <thread>

namespace velbo::internal {
namespace {

template <class T>
std::int64_t row_bytes(std::int64_t n_features) {
  return device_stride<T>(n_features) * static_cast<std::int64_t>(sizeof(T));
}

template <class T>
std::int64_t rows_of_a_slab(std::int64_t n_rows, std::int64_t n_features, const StreamSizes& sizes) {
  const std::int64_t bytes = row_bytes<T>(n_features);  // none where there is nothing but an intercept
  return std::max<std::int64_t>(1, bytes == 0 ? n_rows : std::min(n_rows, sizes.slab_bytes / bytes));
}

// Slabs 0, 1, ... pass from the thread that fills them to the one that works on them, and their two places back.
class Handover {
 public:
  // Waits until slab k has a place; false: nobody wants it any more.
  bool may_fill(std::int64_t k) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return k < done_ + 2 || over_; });
    return !over_;
  }
  void filled() {
    change([&] { ++filled_; });
  }
  void failed(std::exception_ptr why) {
    change([&] { failure_ = std::move(why); });
  }
  // Waits until slab k is there.
  void take(std::int64_t k) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return k < filled_ || failure_; });
    if (failure_) std::rethrow_exception(failure_);
  }
  void done() {
    change([&] { ++done_; });
  }
  void over() {
    change([&] { over_ = true; });
  }

 private:
  template <class Change>
  void change(const Change& make) {
    {
      const std::scoped_lock lock(mutex_);
      make();
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t filled_ = 0, done_ = 0;
  bool over_ = false;
  std::exception_ptr failure_;
};

}  // namespace

StreamSizes& stream_sizes() {
  static StreamSizes sizes;
  return sizes;
}

template <class T>
RowStream<T>::RowStream(Device device, std::int64_t n_rows, std::int64_t n_features, const StreamSizes& sizes,
                        const double* inverse_scale)
    : rows_of_a_slab_(rows_of_a_slab<T>(n_rows, n_features, sizes)),
      upload_(device, rows_of_a_slab_, row_bytes<T>(n_features), sizes.piece_bytes, inverse_scale) {
  for (Array<T>& slab : slabs_) slab = Array<T>(device, rows_of_a_slab_ * device_stride<T>(n_features));
}

template <class T>
std::int64_t RowStream<T>::slab_rows(std::int64_t n_rows, std::int64_t n_features, const StreamSizes& sizes) {
  return rows_of_a_slab<T>(n_rows, n_features, sizes);
}

template <class T>
std::int64_t RowStream<T>::device_bytes(std::int64_t n_rows, std::int64_t n_features, const StreamSizes& sizes) {
  return 2 * rows_of_a_slab<T>(n_rows, n_features, sizes) * row_bytes<T>(n_features);
}

template <class T>
void RowStream<T>::for_each_slab(const Rows<T>& rows, int threads,
                                 const std::function<void(const Rows<T>&, std::int64_t)>& work) {
  const std::scoped_lock lock(mutex_);
  const std::int64_t each = rows_of_a_slab_, count = std::max<std::int64_t>(1, (rows.n_rows + each - 1) / each);
  const auto size_of = [&](std::int64_t k) { return std::min(each, rows.n_rows - k * each); };
  const auto fill = [&](std::int64_t k) {
    upload_.copy(rows, k * each, size_of(k), threads, slabs_[static_cast<std::size_t>(k % 2)].data());
  };
  const auto work_on = [&](std::int64_t k) {
    const std::int64_t first = k * each;
    Rows<T> slab = rows;
    slab.stream = nullptr;
    slab.host_index = nullptr;
    slab.x = slabs_[static_cast<std::size_t>(k % 2)].data();
    slab.element = sizeof(T) == sizeof(float) ? Element::float32 : Element::float64;
    slab.stride = device_stride<T>(rows.n_features);
    slab.centre = nullptr;
    slab.packed = true;
    slab.n_rows = size_of(k);
    if (rows.index != nullptr) {
      slab.index = rows.index + first;
    } else {
      slab.first_row = rows.first_row + first;
    }
    work(slab, first);
  };
  if (count == 1) {  // a batch, mostly
    fill(0);
    work_on(0);
    return;
  }
  Handover handover;
  const std::jthread filler([&] {
    try {
      for (std::int64_t k = 0; k < count && handover.may_fill(k); ++k) {
        fill(k);
        handover.filled();
      }
    } catch (...) {
      handover.failed(std::current_exception());
    }
  });
  try {
    for (std::int64_t k = 0; k < count; ++k) {
      handover.take(k);
      work_on(k);
      handover.done();
    }
  } catch (...) {
    handover.over();
    throw;
  }
}

template class RowStream<float>;
template class RowStream<double>;

}  // namespace velbo::internal

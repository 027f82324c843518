// cpu/mixture_kernels.cpp - responsibilities of a Gaussian mixture and sums weighted by them, compiled once an instruction set.
//
// Densities: rows lie in vector lanes (a tile is transposed once), and whitening by a triangular matrix is register-blocked, so that no
// sum goes across lanes.  Sums: products of features, row by row, times responsibilities, as a product of matrices.
//
// Nothing here may be shared with another instruction set's copy: no standard library templates, only internal linkage and functions
// that are always inlined.
#include "cpu/mixture_kernels.h"

#include <limits>

#include "cpu/lanes.h"
#include "velbo/math/elementary.h"

#define VELBO_JOIN_(a, b) a##b
#define VELBO_JOIN(a, b) VELBO_JOIN_(a, b)

#if defined(__clang__)
#define VELBO_ROWS_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define VELBO_ROWS_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace velbo::internal {
namespace {

constexpr std::int64_t kTile = kMixtureTile;
constexpr bool kWide = VELBO_VECTOR_BYTES == 64;  // 32 registers in place of 16
// Vectors of rows that a block of the triangular product takes, and of products that a block of the sums takes.
constexpr int kRowVectors = kWide ? 4 : 2, kProductVectors = kWide ? 5 : 3;
constexpr int kComponents = 4, kComponentsOfFewProducts = kWide ? 8 : 4, kFewProducts = 2;
constexpr std::int64_t kPanelBytes = 24576;
constexpr std::int64_t kRowsOfAFlush = 1024;  // sums of so many rows are T's

// A density below e^-60 of the largest (double: e^-600) is nothing: sums of its products with small numbers would be subnormal, which
// processors are slow at.
template <class T>
constexpr T kNothing = sizeof(T) == sizeof(float) ? T(-60) : T(-600);

VELBO_HD std::int64_t up(std::int64_t n, std::int64_t step) { return (n + step - 1) / step * step; }

template <class T>
struct Memory {
  T* next;
  T* take(std::int64_t count) {
    T* const piece = next;
    next += up(count, 16);
    for (std::int64_t i = 0; i < count; ++i) piece[i] = 0;
    return piece;
  }
};

// One level of the transposition of a square of vectors (Eklundh 1972): halves of a and b change places.
template <class T, int H, int... L>
inline __attribute__((always_inline)) void swap_halves(Vector<T>& a, Vector<T>& b) {
  constexpr int n = Lanes<T>::count;
  if constexpr (sizeof...(L) < n) {
    swap_halves<T, H, L..., static_cast<int>(sizeof...(L))>(a, b);
  } else {
    const Vector<T> low = __builtin_shufflevector(a, b, ((L / H) % 2 == 0 ? L : n + L - H)...);
    b = __builtin_shufflevector(a, b, ((L / H) % 2 == 0 ? L + H : n + L)...);
    a = low;
  }
}

template <class T, int H = 1>
inline __attribute__((always_inline)) void transpose(Vector<T>* v) {
  constexpr int n = Lanes<T>::count;
  if constexpr (H < n) {
    VELBO_UNROLL
    for (int i = 0; i < n; ++i)
      if ((i / H) % 2 == 0) swap_halves<T, H>(v[i], v[i + H]);
    transpose<T, 2 * H>(v);
  }
}

// acc[KB, PB vectors] += r' p over n rows.
template <class T, int KB, int PB>
inline __attribute__((always_inline)) void add_products(const T* r, const T* p, std::int64_t row_length, std::int64_t n,
                                                        T* acc, std::int64_t acc_length) {
  constexpr int lanes = Lanes<T>::count;
  Vector<T> sum[KB][PB];
  VELBO_UNROLL
  for (int k = 0; k < KB; ++k) VELBO_UNROLL
  for (int v = 0; v < PB; ++v) sum[k][v] = Vector<T>{};
  for (std::int64_t row = 0; row < n; ++row) {
    Vector<T> x[PB];
    VELBO_UNROLL
    for (int v = 0; v < PB; ++v) x[v] = load(p + row * row_length + v * lanes);
    VELBO_UNROLL
    for (int k = 0; k < KB; ++k) {
      const Vector<T> weight = broadcast(r[k * kTile + row]);
      VELBO_UNROLL
      for (int v = 0; v < PB; ++v) sum[k][v] += weight * x[v];
    }
  }
  VELBO_UNROLL
  for (int k = 0; k < KB; ++k) VELBO_UNROLL
  for (int v = 0; v < PB; ++v) {
    T* const out = acc + k * acc_length + v * lanes;
    store(out, load(out) + sum[k][v]);
  }
}

template <class T, int KB, int PB>
__attribute__((noinline)) void add_block(const T* r, const T* p, std::int64_t row_length, std::int64_t n, T* acc,
                                         std::int64_t acc_length) {
  add_products<T, KB, PB>(r, p, row_length, n, acc, acc_length);
}

template <class T, int KB, int PB>
VELBO_HD void add_components(std::int64_t k, const T* r, const T* p, std::int64_t row_length, std::int64_t n, T* acc,
                             std::int64_t acc_length) {
  if constexpr (KB > 0) {
    if (k >= KB) return add_block<T, KB, PB>(r, p, row_length, n, acc, acc_length);
    add_components<T, KB - 1, PB>(k, r, p, row_length, n, acc, acc_length);
  }
}

template <class T, int PB>
void add_vectors(std::int64_t vectors, std::int64_t k, const T* r, const T* p, std::int64_t row_length, std::int64_t n,
                 T* acc, std::int64_t acc_length) {
  if constexpr (PB > 0) {
    if (vectors < PB) return add_vectors<T, PB - 1>(vectors, k, r, p, row_length, n, acc, acc_length);
    constexpr int most = PB <= kFewProducts ? kComponentsOfFewProducts : kComponents;
    for (std::int64_t first = 0; first < k; first += most)
      add_components<T, most, PB>(k - first, r + first * kTile, p, row_length, n, acc + first * acc_length, acc_length);
  }
}

template <class T>
struct Walk {
  static constexpr int lanes = Lanes<T>::count;
  static constexpr std::int64_t block = kRowVectors * lanes;  // rows of a block of densities

  Walk(const MixtureChunk<T>& in, T* scratch) : c(in), d(in.d), k(in.k), memory{scratch} {
    row_length = up(2 * d, lanes) + lanes;
    panel = up(kPanelBytes / (kTile * VELBO_VECTOR_BYTES) - kProductVectors + 1, kProductVectors) * lanes;
    width = up(d * (1 + shifts_of(c.form, d)), lanes);
    own_width = c.form == MixtureForm::tied ? up(d * cyclic_shifts(d), lanes) : 0;
    rows = memory.take(kTile * row_length + 2 * lanes);
    x = memory.take(up(d, kTriangleRows) * kTile);
    whitened = c.form == MixtureForm::tied ? memory.take(triangle_rows(d) * kTile) : nullptr;
    r = memory.take(k * kTile);
    weights = memory.take(kTile);
    most = memory.take(kTile);
    total = memory.take(kTile);
    products = memory.take(kTile * (panel + lanes) + up(d, lanes) + 2 * lanes);
    counts = memory.take(k * lanes);
    sums = memory.take(k * width);
    own_sums = memory.take(own_width);
  }
  static std::int64_t scratch(MixtureForm form, std::int64_t d, std::int64_t k) {
    const std::int64_t panel_most =
        kPanelBytes / static_cast<std::int64_t>(sizeof(T)) + kTile * (kProductVectors + 1) * lanes;
    return kTile * (2 * d + 2 * lanes) + 2 * (d + 4) * kTile + k * kTile + 3 * kTile + panel_most + 4 * d + k * lanes +
           k * (d * (1 + shifts_of(form, d)) + lanes) + d * cyclic_shifts(d) + 64 * lanes + 1024;
  }

  template <class E>
  void load_rows(const E* base) {
    const bool is_cyclic = c.form != MixtureForm::diagonal;
    for (std::int64_t row = 0; row < n; ++row) {
      const E* __restrict from = base + (begin + row) * c.rows.stride;
      T* __restrict to = rows + row * row_length;
      if constexpr (sizeof(E) == sizeof(T)) {  // by two parts of the centre, which keep the digits that one T has not
        VELBO_ROWS_INDEPENDENT
        for (std::int64_t j = 0; j < d; ++j)
          to[j] = ((static_cast<T>(from[j]) - c.centre_high[j]) - c.centre_low[j]) * c.inverse_scale[j];
      } else {
        VELBO_ROWS_INDEPENDENT
        for (std::int64_t j = 0; j < d; ++j)
          to[j] = static_cast<T>((static_cast<double>(from[j]) - c.rows.centre[j]) * c.rows.inverse_scale[j]);
      }
      if (is_cyclic)
        for (std::int64_t j = 0; j < d; ++j) to[d + j] = to[j];
    }
    for (std::int64_t i = n * row_length; i < used * row_length; ++i) rows[i] = 0;
    // The next tile comes while this one is worked on.
    const std::int64_t last = next + kTile < c.end ? next + kTile : c.end;
    const char* const to = reinterpret_cast<const char*>(base + last * c.rows.stride);
    for (const char* p = reinterpret_cast<const char*>(base + next * c.rows.stride); p < to; p += 64)
      __builtin_prefetch(p, 0, 2);
  }

  __attribute__((noinline)) bool load_tile() {
    begin = next;
    if (begin >= c.end) return false;
    n = c.end - begin < kTile ? c.end - begin : kTile;
    next = begin + n;
    used = up(n, block);
    if (c.rows.element == Element::float32) {
      load_rows(static_cast<const float*>(c.rows.x));
    } else {
      load_rows(static_cast<const double*>(c.rows.x));
    }
    for (std::int64_t row = 0; row < n; ++row)
      weights[row] = c.rows.weights != nullptr ? static_cast<T>(c.rows.weights[begin + row]) : T(1);
    for (std::int64_t row = n; row < kTile; ++row) weights[row] = 0;
    return true;
  }

  // Features of the tile's rows into x [D, kTile].
  __attribute__((noinline)) void turn() {
    for (std::int64_t first = 0; first < used; first += lanes)
      for (std::int64_t j = 0; j < d; j += lanes) {
        Vector<T> v[lanes];
        VELBO_UNROLL
        for (int l = 0; l < lanes; ++l) v[l] = load(rows + (first + l) * row_length + j);
        transpose<T>(v);
        const std::int64_t count = d - j < lanes ? d - j : lanes;
        for (std::int64_t l = 0; l < count; ++l) store(x + (j + l) * kTile + first, v[l]);
      }
  }

  // y = U x + shift for the rows from `first` on: all of it into `out` [.., kTile], or the sum of its squares into `square`.
  template <bool kKeep>
  VELBO_HD void triangle(const T* u, const T* shift, std::int64_t first, Vector<T>* square, T* out) const {
    for (std::int64_t i = 0; i < d; i += kTriangleRows) {
      Vector<T> y[kTriangleRows][kRowVectors];
      VELBO_UNROLL
      for (int a = 0; a < kTriangleRows; ++a) VELBO_UNROLL
      for (int v = 0; v < kRowVectors; ++v) y[a][v] = broadcast(shift[i + a]);
      const std::int64_t columns = i + kTriangleRows < d ? i + kTriangleRows : d;
      for (std::int64_t j = 0; j < columns; ++j, u += kTriangleRows) {
        Vector<T> xj[kRowVectors];
        VELBO_UNROLL
        for (int v = 0; v < kRowVectors; ++v) xj[v] = load(x + j * kTile + first + v * lanes);
        VELBO_UNROLL
        for (int a = 0; a < kTriangleRows; ++a) {
          const Vector<T> coefficient = broadcast(u[a]);
          VELBO_UNROLL
          for (int v = 0; v < kRowVectors; ++v) y[a][v] += coefficient * xj[v];
        }
      }
      VELBO_UNROLL
      for (int a = 0; a < kTriangleRows; ++a) VELBO_UNROLL
      for (int v = 0; v < kRowVectors; ++v) {
        if constexpr (kKeep) {
          store(out + (i + a) * kTile + first + v * lanes, y[a][v]);
        } else {
          square[v] += y[a][v] * y[a][v];
        }
      }
    }
  }

  // Of KB components: the sums of squares of scale x + shift.
  template <int KB>
  VELBO_HD void diagonal_densities(std::int64_t component, std::int64_t first, const T* from) {
    Vector<T> square[KB][kRowVectors];
    VELBO_UNROLL
    for (int a = 0; a < KB; ++a) VELBO_UNROLL
    for (int v = 0; v < kRowVectors; ++v) square[a][v] = Vector<T>{};
    const T *scale = c.scale + component * d, *shift = c.shift + component * d;
    for (std::int64_t j = 0; j < d; ++j) {
      Vector<T> xj[kRowVectors];
      VELBO_UNROLL
      for (int v = 0; v < kRowVectors; ++v) xj[v] = load(from + j * kTile + first + v * lanes);
      VELBO_UNROLL
      for (int a = 0; a < KB; ++a) {
        const Vector<T> s = broadcast(scale[a * d + j]), b = broadcast(shift[a * d + j]);
        VELBO_UNROLL
        for (int v = 0; v < kRowVectors; ++v) {
          const Vector<T> y = xj[v] * s + b;
          square[a][v] += y * y;
        }
      }
    }
    VELBO_UNROLL
    for (int a = 0; a < KB; ++a) put(component + a, first, square[a]);
  }

  VELBO_HD void put(std::int64_t component, std::int64_t first, const Vector<T>* square) {
    const Vector<T> constant = broadcast(c.constant[component]), half = broadcast(T(-0.5));
    VELBO_UNROLL
    for (int v = 0; v < kRowVectors; ++v) {
      const Vector<T> density = constant + half * square[v];
      T* const largest = most + first + v * lanes;
      const Vector<T> before = load(largest);
      store(largest, density > before ? density : before);
      store(r + component * kTile + first + v * lanes, density);
    }
  }

  // log r_nk, not normalised, into r [K, kTile], and the largest of each row into most.
  void densities() {
    turn();
    for (std::int64_t row = 0; row < kTile; ++row) most[row] = -std::numeric_limits<T>::infinity();
    if (c.form == MixtureForm::full) {
      const std::int64_t size = triangle_size(d), length = triangle_rows(d);
      for (std::int64_t component = 0; component < k; ++component)
        for (std::int64_t first = 0; first < used; first += block) {
          Vector<T> square[kRowVectors] = {};
          triangle<false>(c.triangles + component * size, c.shift + component * length, first, square, nullptr);
          put(component, first, square);
        }
      return;
    }
    const T* from = x;
    if (c.form == MixtureForm::tied) {
      for (std::int64_t first = 0; first < used; first += block)
        triangle<true>(c.triangles, zeros_of_triangle(), first, nullptr, whitened);
      from = whitened;
    }
    for (std::int64_t first = 0; first < used; first += block) {
      std::int64_t component = 0;
      for (; component + 2 <= k; component += 2) diagonal_densities<2>(component, first, from);
      if (component < k) diagonal_densities<1>(component, first, from);
    }
  }
  // products are not in use while densities are.
  const T* zeros_of_triangle() const {
    for (std::int64_t i = 0; i < triangle_rows(d); ++i) products[i] = 0;
    return products;
  }

  // Log densities to responsibilities.
  __attribute__((noinline)) void normalise() {
    const std::int64_t size = used;
    for (std::int64_t row = 0; row < size; ++row) total[row] = 0;
    for (std::int64_t component = 0; component < k; ++component) {
      T* __restrict l = r + component * kTile;
      VELBO_ROWS_INDEPENDENT
      for (std::int64_t row = 0; row < size; ++row) {
        const T below = l[row] - most[row];
        const T e = exp_nonpositive(below);
        l[row] = below < kNothing<T> ? T(0) : e;
        total[row] += l[row];
      }
    }
    VELBO_ROWS_INDEPENDENT
    for (std::int64_t row = 0; row < size; ++row) {
      most[row] += log_any(total[row]);
      total[row] = T(1) / total[row];
    }
    for (std::int64_t component = 0; component < k; ++component) {
      T* __restrict l = r + component * kTile;
      VELBO_ROWS_INDEPENDENT
      for (std::int64_t row = 0; row < size; ++row) l[row] *= total[row];
    }
    double sum[8] = {};
    std::int64_t row = 0;
    for (; row + 8 <= n; row += 8)
      for (std::int64_t l = 0; l < 8; ++l)
        sum[l] += static_cast<double>(weights[row + l]) * static_cast<double>(most[row + l]);
    for (; row < n; ++row) sum[0] += static_cast<double>(weights[row]) * static_cast<double>(most[row]);
    *c.value += ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
  }

  void write_locals() const {
    const std::int64_t at = begin - c.first;
    for (std::int64_t row = 0; c.locals.log_normaliser != nullptr && row < n; ++row)
      c.locals.log_normaliser[at + row] = static_cast<double>(most[row]);
    for (std::int64_t row = 0; c.locals.responsibilities != nullptr && row < n; ++row)
      for (std::int64_t component = 0; component < k; ++component)
        c.locals.responsibilities[(at + row) * k + component] = static_cast<double>(r[component * kTile + row]);
  }

  void take_given() {
    const double* given = c.locals.given + (begin - c.first) * k;
    for (std::int64_t component = 0; component < k; ++component) {
      for (std::int64_t row = 0; row < n; ++row)
        r[component * kTile + row] = static_cast<T>(given[row * k + component]);
      for (std::int64_t row = n; row < used; ++row) r[component * kTile + row] = 0;
    }
  }

  // Elements `from` .. `to` - 1 of the runs of products, for each row, into `products` with rows of `length`.  first_shift: the shift of
  // the first run; -1 stands for z itself.
  __attribute__((noinline)) void form_products(std::int64_t first_shift, std::int64_t from, std::int64_t to,
                                               std::int64_t length) {
    for (std::int64_t at = from; at < to;) {
      const std::int64_t j = at % d, shift = first_shift + at / d;
      const std::int64_t count = d - j < to - at ? d - j : to - at;
      // The last vector goes beyond the run; what is there is written afterwards, or is nobody's.
      for (std::int64_t i = 0; i < count; i += lanes) {
        const T* z = rows + j + i;
        T* out = products + (at - from) + i;
        if (shift < 0) {
          for (std::int64_t row = 0; row < n; ++row, z += row_length, out += length) store(out, load(z));
        } else {
          for (std::int64_t row = 0; row < n; ++row, z += row_length, out += length)
            store(out, load(z) * load(z + shift));
        }
      }
      at += count;
    }
  }

  void add_run(std::int64_t first_shift, std::int64_t all, std::int64_t components, const T* weight, T* out,
               std::int64_t out_length) {
    for (std::int64_t from = 0; from < all; from += panel) {
      const std::int64_t to = all - from < panel ? all : from + panel, used_length = up(to - from, lanes);
      const std::int64_t length = used_length + lanes;
      form_products(first_shift, from, to, length);
      for (std::int64_t at = 0; at < used_length; at += kProductVectors * lanes)
        add_vectors<T, kProductVectors>((used_length - at) / lanes, components, weight, products + at, length, n,
                                        out + from + at, out_length);
    }
  }

  __attribute__((noinline)) void add_sums() {
    if (c.rows.weights != nullptr)
      for (std::int64_t component = 0; component < k; ++component) {
        T* __restrict l = r + component * kTile;
        VELBO_ROWS_INDEPENDENT
        for (std::int64_t row = 0; row < used; ++row) l[row] *= weights[row];
      }
    // Rows past the end have no weight.
    for (std::int64_t component = 0; component < k; ++component) {
      T* l = r + component * kTile;
      for (std::int64_t row = n; row < used; ++row) l[row] = 0;
      Vector<T> sum = load(counts + component * lanes);
      for (std::int64_t row = 0; row < used; row += lanes) sum += load(l + row);
      store(counts + component * lanes, sum);
    }
    add_run(-1, d * (1 + shifts_of(c.form, d)), k, r, sums, width);
    if (own_width > 0) add_run(0, d * cyclic_shifts(d), 1, weights, own_sums, own_width);
    unflushed += n;
    if (unflushed >= kRowsOfAFlush) flush();
  }

  static void move(T* __restrict from, std::int64_t size, double* __restrict to) {
    for (std::int64_t i = 0; i < size; ++i) {
      to[i] += static_cast<double>(from[i]);
      from[i] = 0;
    }
  }

  void flush() {
    for (std::int64_t component = 0; component < k; ++component)
      for (int l = 0; l < lanes; ++l) {
        c.sums[component] += static_cast<double>(counts[component * lanes + l]);
        counts[component * lanes + l] = 0;
      }
    const std::int64_t size = d * (1 + shifts_of(c.form, d));
    double* out = c.sums + k;
    for (std::int64_t component = 0; component < k; ++component, out += size) move(sums + component * width, size, out);
    if (own_width > 0) move(own_sums, d * cyclic_shifts(d), out);
    for (std::int64_t i = 0; i < k; ++i)  // products past the runs' end
      for (std::int64_t j = size; j < width; ++j) sums[i * width + j] = 0;
    unflushed = 0;
  }

  void run() {
    next = c.begin;
    while (load_tile()) {
      if (c.locals.given != nullptr) {
        take_given();
      } else {
        densities();
        normalise();
        write_locals();
      }
      if (c.wants_sums) add_sums();
    }
    if (c.wants_sums) flush();
  }

  const MixtureChunk<T>& c;
  const std::int64_t d, k;
  Memory<T> memory;
  std::int64_t row_length = 0, panel = 0, width = 0, own_width = 0;
  std::int64_t next = 0, begin = 0, n = 0, used = 0, unflushed = 0;
  T *rows = nullptr, *x = nullptr, *whitened = nullptr, *r = nullptr, *weights = nullptr, *most = nullptr,
    *total = nullptr, *products = nullptr, *counts = nullptr, *sums = nullptr, *own_sums = nullptr;
};

template <class T>
void local_step(const MixtureChunk<T>& chunk, T* scratch) {
  Walk<T> walk(chunk, scratch);
  walk.run();
}

template <class T>
constexpr MixtureKernels<T> kernels{.scratch = Walk<T>::scratch, .local_step = local_step<T>};

}  // namespace

const MixtureTable& VELBO_JOIN(mixture_table_, VELBO_ISA)();  // declared where it is called, in mixture_ops.cpp

const MixtureTable& VELBO_JOIN(mixture_table_, VELBO_ISA)() {
  static constexpr MixtureTable table{.of_float = kernels<float>, .of_double = kernels<double>};
  return table;
}

}  // namespace velbo::internal

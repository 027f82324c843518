// The local step of Gaussian mixtures (backend/mixture_ops.h) against its definition in long double: on the CPU, once an instruction
// set, on the emulator and on a device, whose rows are there or come in slabs.
#include <cmath>
#include <cstdlib>
#include <vector>

#include "backend/mixture_ops.h"
#include "data/uniform_below.h"
#include "ops/device.h"

namespace velbo::internal {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// Uniform on [-1, 1], of few digits, so that float holds them.
std::vector<double> numbers(std::int64_t n, std::uint64_t seed) {
  const Key key = make_key(seed, Purpose::test);
  std::vector<double> out;
  for (std::int64_t i = 0; i < n; ++i)
    out.push_back(static_cast<double>(uniform_below(2049, key, static_cast<std::uint64_t>(i))) / 1024 - 1);
  return out;
}

struct Sizes {
  std::int64_t n, d, k;
  MixtureForm form = MixtureForm::full;
  bool weights = false;
  bool is_float = false;  // elements of x
};

std::int64_t squares_each(const Sizes& s) {
  return s.form == MixtureForm::full ? s.d * (s.d + 1) / 2 : s.form == MixtureForm::diagonal ? s.d : 0;
}

struct Problem {
  explicit Problem(const Sizes& sizes) : s(sizes), stride(s.d + 3) {
    x = numbers(s.n * stride, 1);
    for (double& value : x) value = 100 + 3 * value;
    x_float.assign(x.begin(), x.end());
    weights = numbers(s.n, 2);
    for (double& value : weights) value = value < -0.75 ? 0 : 1 + 0.5 * value;
    centre = numbers(s.d, 3);
    for (double& value : centre) value = 100 + 0.25 * value;
    for (std::int64_t j = 0; j < s.d; ++j) inverse_scale.push_back(j % 3 == 0 ? 0.5 : 0.25);
    constant = numbers(s.k, 4);
    shift = numbers(s.k * s.d, 5);
    const std::int64_t count = s.form == MixtureForm::tied ? 1 : s.k;
    whitening = numbers(count * s.d * (s.form == MixtureForm::diagonal ? 1 : s.d), 6);
    const double scale = 1 / std::sqrt(static_cast<double>(s.d));
    if (s.form == MixtureForm::diagonal) {
      for (double& value : whitening) value += 1.5;
    } else {
      for (std::int64_t i = 0; i < count * s.d * s.d; ++i) {
        const std::int64_t row = i / s.d % s.d, column = i % s.d;
        whitening[at(i)] = column > row ? 0 : column == row ? 1.5 + whitening[at(i)] : scale * whitening[at(i)];
      }
    }
    given = numbers(s.n * s.k, 7);
    for (double& value : given) value = std::abs(value);
  }

  [[nodiscard]] MixtureRows rows() const {
    return {s.is_float ? static_cast<const void*>(x_float.data()) : x.data(),
            s.is_float ? Element::float32 : Element::float64,
            s.d,
            stride,
            s.weights ? weights.data() : nullptr,
            centre.data(),
            inverse_scale.data()};
  }
  [[nodiscard]] MixtureParameters parameters() const {
    return {s.form, s.k, constant.data(), whitening.data(), shift.data()};
  }
  [[nodiscard]] long double z(std::int64_t n, std::int64_t j) const {
    const double from = s.is_float ? static_cast<double>(x_float[at(n * stride + j)]) : x[at(n * stride + j)];
    return (static_cast<long double>(from) - centre[at(j)]) * inverse_scale[at(j)];
  }

  Sizes s;
  std::int64_t stride;
  std::vector<double> x, weights, centre, inverse_scale, constant, shift, whitening, given;
  std::vector<float> x_float;
};

// All that a step gives, each number with what its error is measured by.
struct Answer {
  std::vector<long double> value;
  std::vector<double> size;
  void add(std::int64_t i, long double term, double error) {
    value[at(i)] += term;
    size[at(i)] += std::abs(static_cast<double>(term)) * error;
  }
};

// count, sum, squares, responsibilities, log normalisers and the value, one behind the other.
struct Layout {
  Layout(const Sizes& s, std::int64_t rows)
      : sum(s.k),
        squares(sum + s.k * s.d),
        locals(squares + s.k * squares_each(s) + (s.form == MixtureForm::tied ? s.d * (s.d + 1) / 2 : 0)),
        normaliser(locals + rows * s.k),
        value(normaliser + rows),
        size(value + 1) {}
  std::int64_t sum, squares, locals, normaliser, value, size;
};

Answer defined(const Problem& p, std::int64_t begin, std::int64_t end, bool given) {
  const Sizes& s = p.s;
  const Layout layout(s, end - begin);
  Answer out{std::vector<long double>(at(layout.size)), std::vector<double>(at(layout.size))};
  for (std::int64_t n = begin; n < end; ++n) {
    const std::int64_t row = n - begin;
    const long double w = s.weights ? p.weights[at(n)] : 1;
    std::vector<long double> z, log_rho;
    for (std::int64_t j = 0; j < s.d; ++j) z.push_back(p.z(n, j));
    long double most = -1e300L, sum = 0;
    double error = 4;
    for (std::int64_t k = 0; k < s.k && !given; ++k) {
      long double square = 0;
      for (std::int64_t i = 0; i < s.d; ++i) {
        long double y = p.shift[at(k * s.d + i)];
        if (s.form == MixtureForm::diagonal) {
          y += p.whitening[at(k * s.d + i)] * z[at(i)];
        } else {
          const std::int64_t own = s.form == MixtureForm::tied ? 0 : k;
          for (std::int64_t j = 0; j <= i; ++j) y += p.whitening[at((own * s.d + i) * s.d + j)] * z[at(j)];
        }
        square += y * y;
      }
      log_rho.push_back(p.constant[at(k)] - square / 2);
      most = std::max(most, log_rho.back());
      error = std::max(error, 4 + static_cast<double>(square));
    }
    for (const long double l : log_rho) sum += std::exp(l - most);
    if (!given) {
      const long double normaliser = most + std::log(sum);
      out.add(layout.normaliser + row, normaliser, 1);
      out.size[at(layout.normaliser + row)] += error;
      out.add(layout.value, w * normaliser, 1);
      out.size[at(layout.value)] += static_cast<double>(w) * error;
    }
    for (std::int64_t k = 0; k < s.k; ++k) {
      const long double r =
          given ? static_cast<long double>(p.given[at(row * s.k + k)]) : std::exp(log_rho[at(k)] - most) / sum;
      if (!given) out.add(layout.locals + row * s.k + k, r, error);
      out.add(k, w * r, error);
      for (std::int64_t j = 0; j < s.d; ++j) out.add(layout.sum + k * s.d + j, w * r * z[at(j)], error);
      std::int64_t place = layout.squares + k * squares_each(s);
      for (std::int64_t i = 0; i < s.d && s.form != MixtureForm::tied; ++i)
        for (std::int64_t j = s.form == MixtureForm::full ? 0 : i; j <= i; ++j)
          out.add(place++, w * r * z[at(i)] * z[at(j)], error);
    }
    std::int64_t place = layout.squares;
    for (std::int64_t i = 0; i < s.d && s.form == MixtureForm::tied; ++i)
      for (std::int64_t j = 0; j <= i; ++j) out.add(place++, w * z[at(i)] * z[at(j)], 4);
  }
  return out;
}

Context mixture_context(int threads, bool streams) { return Context(test_device(), threads, streams); }

// Laid out as Layout says; sums begin at `start`.
template <class T>
std::vector<double> made(const Problem& p, const MixtureRows& rows, const Context& context, std::int64_t begin,
                         std::int64_t end, bool given, double start = 0) {
  const Layout layout(p.s, end - begin);
  std::vector<double> out(at(layout.size), start);
  double* const o = out.data();
  MixtureParameters parameters = p.parameters();
  MixtureLocals locals{nullptr, o + layout.locals, o + layout.normaliser};
  if (given) {
    parameters = {p.s.form, p.s.k, nullptr, nullptr, nullptr};
    locals = {p.given.data(), nullptr, nullptr};
  }
  out[at(layout.value)] = mixture_ops<T>(context).local_step(context, rows, begin, end, parameters,
                                                             {o, o + layout.sum, o + layout.squares}, locals);
  return out;
}

template <class T>
void expect_definition(const Sizes& sizes, std::int64_t begin, std::int64_t end, bool given, double start = 0) {
  SCOPED_TRACE(testing::Message() << "n " << sizes.n << " d " << sizes.d << " k " << sizes.k << " form "
                                  << static_cast<int>(sizes.form) << (given ? " given" : "") << " rows " << begin
                                  << ".." << end);
  const Problem p(sizes);
  const Context context = mixture_context(1, streamed());
  MixtureRows rows = p.rows();
  const auto prepared = mixture_ops<T>(context).prepare(context, rows, sizes.n);
  EXPECT_EQ(prepared == nullptr, on_cpu());
  rows.prepared = prepared.get();
  const std::vector<double> got = made<T>(p, rows, context, begin, end, given, start);
  const Answer wanted = defined(p, begin, end, given);
  const Layout layout(sizes, end - begin);
  const double epsilon = sizeof(T) == sizeof(float) ? 2.4e-7 : 4.5e-16;
  int shown = 0;
  for (std::int64_t i = 0; i < layout.size && shown < 5; ++i) {
    if (given && i >= layout.locals && i < layout.value) continue;
    const double before = i < layout.locals ? start : 0;
    const double near = 4 * epsilon * (std::abs(before) + wanted.size[at(i)]) + 1e-300;
    if (std::abs(got[at(i)] - static_cast<double>(wanted.value[at(i)]) - before) <= near) continue;
    ++shown;
    ADD_FAILURE() << "number " << i << " of " << layout.size << " is " << got[at(i)] << " and not "
                  << static_cast<double>(wanted.value[at(i)]) << " to within " << near;
  }
}

// Slabs of some dozens of rows, so that there are several.
class SmallSlabs {
 public:
  SmallSlabs() : before_(stream_sizes()) { stream_sizes() = {.slab_bytes = 4096, .piece_bytes = 1024}; }
  ~SmallSlabs() { stream_sizes() = before_; }
  SmallSlabs(const SmallSlabs&) = delete;
  SmallSlabs& operator=(const SmallSlabs&) = delete;

 private:
  StreamSizes before_;
};

template <class T>
class MixtureOpsTest : public DeviceTest {};
TYPED_TEST_SUITE(MixtureOpsTest, Scalars);

constexpr MixtureForm kForms[] = {MixtureForm::full, MixtureForm::tied, MixtureForm::diagonal};

TYPED_TEST(MixtureOpsTest, StepsAreWhatTheirDefinitionsSay) {
  const SmallSlabs small;
  for (const MixtureForm form : kForms)
    for (const auto& [d, k] :
         std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1}, {3, 5}, {16, 3}, {17, 70}, {65, 2}}) {
      const bool odd = d % 2 == 1;
      expect_definition<TypeParam>({d > 16 ? 70 : 150, d, k, form, odd, !odd}, 0, d > 16 ? 70 : 150, false);
    }
}
TYPED_TEST(MixtureOpsTest, OfRowsInTheMiddleAddedToWhatIsThere) {
  const SmallSlabs small;
  for (const MixtureForm form : kForms) {
    expect_definition<TypeParam>({300, 5, 4, form, true, true}, 37, 281, false, 2);
    expect_definition<TypeParam>({300, 5, 4, form, true, false}, 37, 281, true, 2);
  }
}
TYPED_TEST(MixtureOpsTest, NoRowsAreNothing) {
  const Problem p({10, 3, 2});
  const Context context = mixture_context(1, streamed());
  const std::vector<double> got = made<TypeParam>(p, p.rows(), context, 4, 4, false, 7);
  for (std::size_t i = 0; i + 1 < got.size(); ++i) EXPECT_EQ(got[i], 7);
  EXPECT_EQ(got.back(), 0);
}

// The same bits for any number of threads, of rows that were prepared and that were not, on a device and streamed to it.
TYPED_TEST(MixtureOpsTest, SameBits) {
  const SmallSlabs small;
  for (const MixtureForm form : kForms) {
    const Problem p({900, 5, 4, form, true});
    const MixtureRows rows = p.rows();
    const auto bits = [&](int threads, bool streams, std::int64_t begin) {
      const Context context = mixture_context(threads, streams);
      MixtureRows mine = rows;
      const auto prepared = mixture_ops<TypeParam>(context).prepare(context, rows, p.s.n);
      mine.prepared = prepared.get();
      return made<TypeParam>(p, mine, context, begin, 900, false);
    };
    const std::vector<double> one = bits(1, streamed(), 0);
    EXPECT_EQ(bits(3, streamed(), 0), one);
    EXPECT_EQ(made<TypeParam>(p, rows, mixture_context(2, streamed()), 0, 900, false), one);
    EXPECT_EQ(made<TypeParam>(p, rows, mixture_context(2, streamed()), 450, 900, false), bits(1, streamed(), 450));
    EXPECT_EQ(bits(2, !streamed() && !on_cpu(), 0), one);
    EXPECT_EQ(bits(2, !streamed() && !on_cpu(), 450), bits(1, streamed(), 450));
  }
}

using MixtureCudaTest = CudaTest;

// Rows that do not fit stay on the host, with the same bits; uploads that fail are an error.  Of the emulator alone: a device's
// memory is what it is.
TEST_F(MixtureCudaTest, RowsThatDoNotFitAreStreamed) {
  if (!emulated()) GTEST_SKIP() << "needs the emulator";
  const SmallSlabs small;
  const Problem p({900, 5, 4, MixtureForm::full, true});
  MixtureRows rows = p.rows();
  const Context context = mixture_context(1, false);
  const auto step = [&] {
    const auto prepared = mixture_ops<double>(context).prepare(context, rows, p.s.n);
    rows.prepared = prepared.get();
    return made<double>(p, rows, context, 0, 900, false);
  };
  const std::vector<double> resident = step();
  ::setenv("VELBO_EMULATED_FREE", "20000", 1);
  const std::vector<double> streamed_rows = step();
  ::unsetenv("VELBO_EMULATED_FREE");
  ::setenv("VELBO_EMULATED_LARGEST", "20000", 1);  // said to be free, and not there
  EXPECT_EQ(step(), resident);
  ::setenv("VELBO_EMULATED_LARGEST", "2000", 1);  // not even for a slab
  try {
    (void)step();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::memory) << error.what();
  }
  ::unsetenv("VELBO_EMULATED_LARGEST");
  ::setenv("VELBO_EMULATED_BAD_COPIES", "1", 1);
  EXPECT_THROW((void)step(), Error);
  ::setenv("VELBO_EMULATED_FREE", "20000", 1);
  EXPECT_THROW((void)step(), Error);
  ::unsetenv("VELBO_EMULATED_FREE");
  ::unsetenv("VELBO_EMULATED_BAD_COPIES");
  EXPECT_EQ(streamed_rows, resident);
}

}  // namespace
}  // namespace velbo::internal

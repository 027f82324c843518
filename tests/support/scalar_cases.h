// support/scalar_cases.h - checks a function of scalars against the cases of tests/reference/scalars/distributions.json.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/derivatives.h"
#include "support/json_case.h"

namespace velbo::test {

// |got - want| <= absolute + relative |want|, in double against the reference and in float against double.
struct Tolerance {
  double relative = 1e-12;
  double absolute = 1e-13;
  double float_relative = 1e-5;
  double float_absolute = 1e-5;
  // More for derivatives: where each is the small difference of large terms.
  double gradient_absolute = 0;
  double float_gradient_absolute = 0;
};

inline const nlohmann::json& reference_cases() {
  static const nlohmann::json cases = read_json(
      (std::filesystem::path(VELBO_TEST_DATA_DIR).parent_path() / "reference" / "scalars" / "distributions.json")
          .string());
  return cases;
}

inline void expect_close(double got, double want, double relative, double absolute, const std::string& what) {
  if (got == want) return;  // infinities
  EXPECT_LE(std::fabs(got - want), absolute + relative * std::fabs(want)) << what << ": " << got << " for " << want;
  // VELBO_TEST_WORST names the farthest, in tolerances: for whoever changes a formula.
  if (std::getenv("VELBO_TEST_WORST") != nullptr)
    std::printf("%.3f of the tolerance, error %.1e: %s\n",
                std::fabs(got - want) / (absolute + relative * std::fabs(want)),
                std::fabs(got - want) / std::max(std::fabs(want), 1e-300), what.c_str());
}

// Whether x and its square are normal floats.
inline bool fits_float(double x) { return x == 0 || (std::fabs(x) > 1e-18 && std::fabs(x) < 1e18); }

// f(data, arguments...) for kCount arguments, whichever of them carry derivatives.
template <std::size_t kCount, class F>
void check_cases(const std::string& name, const F& f, const Tolerance& tolerance = {}) {
  ASSERT_TRUE(reference_cases().contains(name)) << name;
  for (const auto& one : reference_cases()[name]) {
    const auto data = one["data"].get<std::vector<double>>();
    const auto arguments = one["arguments"].get<std::vector<double>>();
    const auto gradient = one["gradient"].get<std::vector<double>>();
    ASSERT_EQ(arguments.size(), kCount);
    const auto bound = [&](const auto&... scalars) { return f(data, scalars...); };
    for_every_mask<double, kCount>(bound, arguments, [&](unsigned mask, const Evaluated& got) {
      const std::string what =
          name + " " + one["data"].dump() + one["arguments"].dump() + " mask " + std::to_string(mask);
      expect_close(got.value, one["value"].get<double>(), tolerance.relative, tolerance.absolute, what);
      for (std::size_t i = 0; i < got.gradient.size(); ++i) {
        const double want = (mask >> i & 1U) != 0 ? gradient[i] : 0.0;
        expect_close(got.gradient[i], want, tolerance.relative, tolerance.absolute + tolerance.gradient_absolute,
                     what + " d" + std::to_string(i));
      }
    });

    if (!std::all_of(arguments.begin(), arguments.end(), fits_float)) continue;
    std::vector<double> rounded(arguments.size());
    std::transform(arguments.begin(), arguments.end(), rounded.begin(), [](double x) { return static_cast<float>(x); });
    const Evaluated exact = evaluate<double, kCount>(bound, rounded), rough = evaluate<float, kCount>(bound, rounded);
    const std::string what = name + " in float " + one["data"].dump() + one["arguments"].dump();
    if (fits_float(exact.value))
      expect_close(rough.value, exact.value, tolerance.float_relative, tolerance.float_absolute, what);
    for (std::size_t i = 0; i < kCount; ++i)
      if (fits_float(exact.gradient[i]))
        expect_close(rough.gradient[i], exact.gradient[i], tolerance.float_relative,
                     tolerance.float_absolute + tolerance.float_gradient_absolute, what + " d" + std::to_string(i));
  }
}

}  // namespace velbo::test

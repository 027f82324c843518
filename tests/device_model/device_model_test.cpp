// Models in a binary of their own, over the boundary of velbo/device_model.h: values, gradients, bits, and what is said of
// structs that are wrong and models that fail.  With VELBO_TEST_DEVICE=cuda on a device, or on the emulator.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "backend/cuda_loader.h"
#include "backend/device_model.h"
#include "device_model/closed_forms.h"
#include "device_model/load_models.h"
#include "support/errors.h"
#include "velbo/random.h"

namespace velbo::internal {
namespace {

// Nobody writes this.
constexpr double kUntouched = -12345.5;

struct Evaluated {
  std::vector<double> logp, grad;
  bool operator==(const Evaluated&) const = default;
};

std::vector<double> draws(std::int64_t n_draws, std::int64_t dimension) {
  std::vector<double> z(static_cast<std::size_t>(n_draws * dimension));
  standard_normals(make_key(71, Purpose::test), 0, 0, 0, std::span<double>(z));
  return z;
}

// One number more than there are stands behind each result.
Evaluated evaluate(const VelboDeviceModel& model, const std::vector<double>& z, bool gradient = true) {
  const auto n_draws = static_cast<std::int64_t>(z.size()) / model.dimension;
  Evaluated out{std::vector<double>(static_cast<std::size_t>(n_draws) + 1, kUntouched),
                std::vector<double>(gradient ? z.size() + 1 : 0, kUntouched)};
  evaluate_model(test_context(), model, n_draws, z.data(), out.logp.data(), gradient ? out.grad.data() : nullptr);
  return out;
}

class DeviceModels : public OnModelsDevice, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    OnModelsDevice::SetUp();
    if (!IsSkipped()) model_ = load_model(GetParam());
  }
  VelboDeviceModel model_{};
};

// A block is 128 draws.
TEST_P(DeviceModels, GiveTheClosedFormsValuesAndGradients) {
  const bool is_float = model_.scalar == VELBO_SCALAR_FLOAT;
  const double tolerance = is_float ? 2e-6 : 1e-14;  // a dozen operations, each rounded
  for (const std::int64_t n_draws : {0, 1, 31, 32, 33, 127, 128, 129, 1000}) {
    const std::vector<double> z = draws(n_draws, model_.dimension);
    const Evaluated found = evaluate(model_, z);
    for (std::size_t s = 0; s < static_cast<std::size_t>(n_draws); ++s) {
      const std::size_t first = s * static_cast<std::size_t>(model_.dimension);
      const test::Density expected = test::density(GetParam(), &z[first]);
      const double allowed = tolerance * (1 + expected.size);
      ASSERT_NEAR(found.logp[s], expected.value, allowed) << n_draws << " draws, draw " << s;
      for (std::size_t i = 0; i < expected.gradient.size(); ++i)
        ASSERT_NEAR(found.grad[first + i], expected.gradient[i], 4 * allowed) << n_draws << " draws, draw " << s;
    }
    EXPECT_EQ(found.logp.back(), kUntouched);
    EXPECT_EQ(found.grad.back(), kUntouched);
  }
}

TEST_P(DeviceModels, GiveTheSameBitsTwiceAndForAnyNumberOfDraws) {
  const std::vector<double> z = draws(1000, model_.dimension);
  const Evaluated all = evaluate(model_, z);
  EXPECT_EQ(evaluate(model_, z), all);
  const auto d = static_cast<std::size_t>(model_.dimension);
  for (const std::size_t n_draws : {1, 33, 129}) {
    const Evaluated some = evaluate(model_, {z.begin(), z.begin() + static_cast<std::ptrdiff_t>(n_draws * d)});
    for (std::size_t s = 0; s < n_draws; ++s) ASSERT_EQ(some.logp[s], all.logp[s]);
    for (std::size_t i = 0; i < n_draws * d; ++i) ASSERT_EQ(some.grad[i], all.grad[i]);
  }
}

TEST_P(DeviceModels, GiveTheSameValuesWithoutAGradient) {
  const std::vector<double> z = draws(129, model_.dimension);
  EXPECT_EQ(evaluate(model_, z, false).logp, evaluate(model_, z).logp);
}

TEST_P(DeviceModels, PassOnWhatIsNotFinite) {
  std::vector<double> z = draws(3, model_.dimension);
  z[static_cast<std::size_t>(model_.dimension)] = std::numeric_limits<double>::quiet_NaN();
  const Evaluated found = evaluate(model_, z);
  EXPECT_TRUE(std::isfinite(found.logp[0]));
  EXPECT_TRUE(std::isnan(found.logp[1]));
  EXPECT_TRUE(std::isfinite(found.logp[2]));
}

INSTANTIATE_TEST_SUITE_P(Models, DeviceModels,
                         testing::Values("gaussian_float", "gaussian_double", "funnel_float", "funnel_double",
                                         "quartic"),
                         [](const auto& each) { return each.param; });

class CapturedModels : public OnModelsDevice {};

TEST_F(CapturedModels, GiveTheSameBitsFromAGraph) {
  const auto replay = function_of_models<VelboTestReplay>(VELBO_TEST_REPLAY_SYMBOL);
  if (replay == nullptr) GTEST_SKIP() << "graphs are captured on a device only";
  for (const std::string name : {"gaussian_double", "funnel_double", "quartic"}) {
    const VelboDeviceModel model = load_model(name);
    const std::vector<double> z = draws(129, model.dimension);
    const Evaluated expected = evaluate(model, z);
    Evaluated found{std::vector<double>(130, kUntouched), std::vector<double>(z.size() + 1, kUntouched)};
    ASSERT_EQ(replay(&model, 129, z.data(), found.logp.data(), found.grad.data()), 0) << name;
    EXPECT_EQ(found, expected) << name;
  }
}

// What a model is given: once, with its own user pointer, and null where there is nothing.
class DeviceModelCalls : public OnModelsDevice {};

struct Calls {
  int enqueued = 0;
  std::int64_t n_draws = 0, workspace_for = 0;
  bool has_grad = false, has_workspace = false, aligned = false;
};

TEST_F(DeviceModelCalls, AreWhatTheHeaderPromises) {
  Calls calls;
  VelboDeviceModel model = load_model("gaussian_double");
  model.user = &calls;
  model.enqueue = [](void* user, void*, std::int64_t n_draws, const void* z, void* logp, void* grad, void* workspace) {
    auto& seen = *static_cast<Calls*>(user);
    const auto remainder = [](const void* array) { return reinterpret_cast<std::uintptr_t>(array) % 256; };
    ++seen.enqueued;
    seen.n_draws = n_draws;
    seen.has_grad = grad != nullptr;
    seen.has_workspace = workspace != nullptr;
    seen.aligned =
        z != nullptr && logp != nullptr && remainder(z) + remainder(logp) + remainder(grad) + remainder(workspace) == 0;
    return 0;
  };
  const auto check = [&](bool grad, bool workspace) {
    calls = Calls{};
    const std::vector<double> z(99, 0.5);
    evaluate(model, z, grad);
    EXPECT_EQ(calls.enqueued, 1);
    EXPECT_EQ(calls.n_draws, 33);
    EXPECT_EQ(calls.has_grad, grad);
    EXPECT_EQ(calls.has_workspace, workspace);
    EXPECT_TRUE(calls.aligned);
  };
  model.workspace_bytes = nullptr;
  check(true, false);
  check(false, false);
  model.workspace_bytes = [](void* user, std::int64_t n_draws) {
    static_cast<Calls*>(user)->workspace_for = n_draws;
    return std::int64_t{1};
  };
  check(false, true);
  EXPECT_EQ(calls.workspace_for, 33);
}

TEST(DeviceModelBoundary, RefusesTheCpu) {
  const VelboDeviceModel model{};
  EXPECT_EQ(test::error_of([&] { evaluate_model(Context(), model, 0, nullptr, nullptr, nullptr); }),
            "argument| device model: the device is \"cpu\", expected a CUDA device");
}

// What is said of a model that is spoilt in one way.
class DeviceModelErrors : public OnModelsDevice {
 protected:
  template <class Spoil>
  std::string error(const Spoil& spoil, std::int64_t n_draws = 33) {
    VelboDeviceModel model = load_model("gaussian_double");
    spoil(model);
    return error_of_evaluating(model, n_draws);
  }
  static std::string error_of_evaluating(const VelboDeviceModel& model, std::int64_t n_draws) {
    const std::vector<double> z(100, 0.5);
    std::vector<double> logp(100), grad(100);
    return test::error_of([&] { evaluate_model(test_context(), model, n_draws, z.data(), logp.data(), grad.data()); });
  }
};

TEST_F(DeviceModelErrors, NameWhatTheStructHasAndWhatWasExpected) {
  EXPECT_EQ(error([](VelboDeviceModel&) {}), "nothing");
  EXPECT_EQ(error([](VelboDeviceModel& m) { m.abi = 7; }),
            "argument| cuda: device model: abi is 7, expected 1, that of this velbo's velbo/device_model.h");
  EXPECT_EQ(error([](VelboDeviceModel& m) { m.struct_bytes -= 8; }),
            "argument| cuda: device model: struct_bytes is 48, expected 56, the size of this velbo's VelboDeviceModel");
  EXPECT_EQ(error([](VelboDeviceModel& m) { m.scalar = 0; }),
            "argument| cuda: device model: scalar is 0, expected 1 (float) or 2 (double)");
  EXPECT_EQ(error([](VelboDeviceModel& m) { m.scalar = 3; }),
            "argument| cuda: device model: scalar is 3, expected 1 (float) or 2 (double)");
  EXPECT_EQ(error([](VelboDeviceModel& m) { m.dimension = 0; }),
            "argument| cuda: device model: dimension is 0, expected at least 1");
  EXPECT_EQ(error([](VelboDeviceModel& m) { m.dimension = std::int64_t{1} << 60; }),
            "argument| cuda: device model: dimension is 1152921504606846976, too large for 33 draws");
  EXPECT_EQ(error([](VelboDeviceModel& m) { m.enqueue = nullptr; }),
            "argument| cuda: device model: enqueue is null, expected a function");
  EXPECT_EQ(error([](VelboDeviceModel& m) { m.workspace_bytes = [](void*, std::int64_t n) { return -n; }; }),
            "argument| cuda: device model: workspace_bytes of 33 draws is -33, expected at least 0");
  EXPECT_EQ(error([](VelboDeviceModel&) {}, -1),
            "argument| cuda: device model: the number of draws is -1, expected at least 0");
}

// The fields of another version may lie anywhere: nothing is read beyond the first two.
TEST_F(DeviceModelErrors, ReadNothingOfAnotherVersion) {
  alignas(VelboDeviceModel) const std::uint32_t two[] = {VELBO_DEVICE_MODEL_ABI + 1, 8};
  double number = 0;
  const VelboCudaPlugin& plugin = *cuda_plugin().table;
  EXPECT_EQ(plugin.evaluate_model(0, reinterpret_cast<const VelboDeviceModel*>(two), 1, &number, &number, nullptr),
            VELBO_CUDA_MODEL_REFUSED);
  EXPECT_THAT(plugin.last_reason(), testing::HasSubstr("abi is 2, expected 1"));
  EXPECT_EQ(plugin.evaluate_model(0, nullptr, 1, &number, &number, nullptr), VELBO_CUDA_MODEL_REFUSED);
  EXPECT_STREQ(plugin.last_reason(), "device model: it is null, expected a VelboDeviceModel");
}

TEST_F(DeviceModelErrors, NameArraysThatAreNotThere) {
  const VelboDeviceModel model = load_model("gaussian_double");
  double numbers[3] = {};
  EXPECT_EQ(test::error_of([&] { evaluate_model(test_context(), model, 1, nullptr, numbers, nullptr); }),
            "argument| cuda: device model: z is null, expected 1 draws");
  EXPECT_EQ(test::error_of([&] { evaluate_model(test_context(), model, 1, numbers, nullptr, nullptr); }),
            "argument| cuda: device model: logp is null, expected room for 1 values");
}

TEST_F(DeviceModelErrors, GiveTheModelsOwnReason) {
  const auto fail = [](VelboDeviceModel& m) {
    m.enqueue = [](void*, void*, std::int64_t, const void*, void*, void*, void*) { return 42; };
    m.reason = [](void*, int status) { return status == 42 ? "the table of rates is empty" : "?"; };
  };
  const std::string expected = "device| cuda: device model: enqueue of 33 draws returned status 42, expected 0: ";
  EXPECT_EQ(error(fail), expected + "the table of rates is empty");
  EXPECT_EQ(error([&](VelboDeviceModel& m) {
              fail(m);
              m.reason = nullptr;
            }),
            expected + "the model gives no reason");
  EXPECT_EQ(error([&](VelboDeviceModel& m) {
              fail(m);
              m.reason = [](void*, int) -> const char* { return nullptr; };
            }),
            expected + "the model gives no reason");
  EXPECT_EQ(error(fail, 0), "nothing");                       // nothing is asked of it
  EXPECT_EQ(error([](VelboDeviceModel&) {}, 33), "nothing");  // and nothing is left behind
}

// Without a workspace the model would say kMisaligned.
TEST_F(DeviceModelErrors, SayThatAWorkspaceIsMissing) {
  VelboDeviceModel model = load_model("quartic");
  EXPECT_EQ(error_of_evaluating(model, 33), "nothing");
  model.workspace_bytes = nullptr;
  EXPECT_EQ(error_of_evaluating(model, 33),
            "device| cuda: device model: enqueue of 33 draws returned status 9, expected 0: the model gives no reason");
}

// By the functor's wrapper.
TEST_F(DeviceModelErrors, PassOnThatALaunchFailed) {
  const auto fail_next = function_of_models<VelboTestFailNextLaunch>(VELBO_TEST_FAIL_NEXT_LAUNCH_SYMBOL);
  if (fail_next == nullptr) GTEST_SKIP() << "launches fail to order on the emulator only";
  fail_next(1);
  EXPECT_EQ(error([](VelboDeviceModel&) {}),
            "device| cuda: device model: enqueue of 33 draws returned status 1, expected 0: invalid argument");
  EXPECT_EQ(error([](VelboDeviceModel&) {}), "nothing");
}

}  // namespace
}  // namespace velbo::internal

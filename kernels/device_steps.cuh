// device_steps.cuh - the table of backend/device_steps.h.
//
// Runtime, beside what device_ops.cuh wants of it, has a type Repetition that makes a run of steps:
//   repeat(launch, how, rows, n, enqueue), as StepProgram::run() says; gives how it was done.
#pragma once
#include <cstdint>
#include <memory>

#include "reported.cuh"
#include "step_program.cuh"

namespace velbo::kernels {

// Each step's kernels, launched one by one.
struct LaunchedSteps {
  template <class Enqueue>
  internal::StepRepetition repeat(const Launch& launch, internal::StepRepetition, std::int64_t, std::int64_t n,
                                  const Enqueue& enqueue) {
    for (; n > 0; --n) enqueue(launch, simt::GraphCondition{});
    return internal::StepRepetition::launches;
  }
};

template <class T, class Runtime>
struct OpenSteps {
  OpenSteps(int on_device, const Launch& launch, const internal::StepModel<T>& model,
            const internal::StepSettings& settings)
      : device(on_device), how(settings.repetition), program(launch, model, settings) {}
  int device;
  internal::StepRepetition how;
  StepProgram<T> program;
  typename Runtime::Repetition repetition;
};

template <class T, class Runtime>
constexpr internal::DeviceSteps<T> device_steps{
    .open =
        [](int device, const internal::StepModel<T>* model, const internal::StepSettings* settings, void** steps) {
          *steps = nullptr;
          bool left_to_host = false;
          const int status = reported<Runtime>(device, [&](const Launch& launch) {
            try {
              *steps = std::make_unique<OpenSteps<T, Runtime>>(device, launch, *model, *settings).release();
            } catch (const StepsLeftToHost&) {
              left_to_host = true;
            }
          });
          return left_to_host ? internal::kStepsLeftToHost : status;
        },
    .begin_round =
        [](void* steps, const internal::StepRound* round) {
          auto* const open = static_cast<OpenSteps<T, Runtime>*>(steps);
          return reported<Runtime>(open->device, [&](const Launch&) { open->program.begin_round(*round); });
        },
    .run =
        [](void* steps, std::int64_t n, internal::StepVariables* variables) {
          auto* const open = static_cast<OpenSteps<T, Runtime>*>(steps);
          return reported<Runtime>(open->device, [&](const Launch&) {
            open->program.run(n, *variables, [&](std::int64_t rows, std::int64_t count, const auto& enqueue) {
              variables->repetition = open->repetition.repeat(open->program.launch(), open->how, rows, count, enqueue);
            });
          });
        },
    .close =
        [](void* steps) {
          auto* const open = static_cast<OpenSteps<T, Runtime>*>(steps);
          if (open != nullptr) reported<Runtime>(open->device, [&](const Launch&) { delete open; });
        },
};

}  // namespace velbo::kernels

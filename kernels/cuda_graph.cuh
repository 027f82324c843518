// cuda_graph.cuh - runs of gradient steps as CUDA graphs: the host launches once, and the device goes on by itself.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "backend/device_steps.h"
#include "row_passes.cuh"

namespace velbo::kernels {

// A stream that is being captured; ends what was begun, and itself, whatever happens.
class Capture {
 public:
  // Into `body`, or where it is null into a graph of its own.
  explicit Capture(cudaGraph_t body) : own_(body == nullptr) {
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    const cudaError_t error = body != nullptr ? cudaStreamBeginCaptureToGraph(stream_, body, nullptr, nullptr, 0,
                                                                              cudaStreamCaptureModeThreadLocal)
                                              : cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal);
    if (error != cudaSuccess) {
      (void)cudaStreamDestroy(stream_);
      throw Failure{error};
    }
    capturing_ = true;
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() {
    cudaGraph_t graph = nullptr;
    if (capturing_) (void)cudaStreamEndCapture(stream_, &graph);
    if (own_ && graph != nullptr) (void)cudaGraphDestroy(graph);  // a body is its parent's
    (void)cudaStreamDestroy(stream_);
    (void)cudaGetLastError();
  }
  cudaStream_t stream() const { return stream_; }
  cudaGraph_t end() {
    cudaGraph_t graph = nullptr;
    capturing_ = false;
    check(cudaStreamEndCapture(stream_, &graph));
    return graph;
  }

 private:
  cudaStream_t stream_ = nullptr;
  bool own_, capturing_ = false;
};

// The steps of batches of so many rows.  loops: as a WHILE node, which repeats them until one of them ends it; else one step.
class StepGraph {
 public:
  template <class Enqueue>
  StepGraph(const Launch& launch, std::int64_t rows, bool loops, const Enqueue& enqueue) : rows_(rows), loops_(loops) {
    try {
      make(launch, enqueue);
    } catch (...) {
      destroy();
      throw;
    }
  }
  StepGraph(StepGraph&& other) noexcept
      : rows_(other.rows_),
        loops_(other.loops_),
        graph_(std::exchange(other.graph_, nullptr)),
        executable_(std::exchange(other.executable_, nullptr)) {}
  StepGraph(const StepGraph&) = delete;
  StepGraph& operator=(const StepGraph&) = delete;
  StepGraph& operator=(StepGraph&&) = delete;
  ~StepGraph() { destroy(); }

  std::int64_t rows() const { return rows_; }
  void run(std::int64_t n, cudaStream_t stream) const {
    for (std::int64_t i = 0; i < (loops_ ? 1 : n); ++i) check(cudaGraphLaunch(executable_, stream));
  }

 private:
  template <class Enqueue>
  void make(const Launch& launch, const Enqueue& enqueue) {
    Launch captured = launch;
    simt::GraphCondition condition;
    cudaGraph_t body = nullptr;
    if (loops_) {
      check(cudaGraphCreate(&graph_, 0));
      check(cudaGraphConditionalHandleCreate(&condition.handle, graph_, 1, cudaGraphCondAssignDefault));
      condition.used = true;
      cudaGraphNodeParams parameters{};
      parameters.type = cudaGraphNodeTypeConditional;
      parameters.conditional.handle = condition.handle;
      parameters.conditional.type = cudaGraphCondTypeWhile;
      parameters.conditional.size = 1;
      cudaGraphNode_t node = nullptr;
#if CUDART_VERSION >= 13000
      check(cudaGraphAddNode(&node, graph_, nullptr, nullptr, 0, &parameters));
#else
      check(cudaGraphAddNode(&node, graph_, nullptr, 0, &parameters));
#endif
      body = parameters.conditional.phGraph_out[0];
    }
    Capture capture(body);
    captured.stream = capture.stream();
    enqueue(captured, condition);
    cudaGraph_t graph = capture.end();
    if (!loops_) graph_ = graph;
    check(cudaGraphInstantiate(&executable_, graph_, 0));
  }
  void destroy() noexcept {
    if (executable_ != nullptr) (void)cudaGraphExecDestroy(executable_);
    if (graph_ != nullptr) (void)cudaGraphDestroy(graph_);
    (void)cudaGetLastError();
  }

  std::int64_t rows_;
  bool loops_;
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t executable_ = nullptr;
};

// As StepRepetition says; made once for each number of rows, of which there are two at most.
class GraphedSteps {
 public:
  template <class Enqueue>
  internal::StepRepetition repeat(const Launch& launch, internal::StepRepetition how, std::int64_t rows, std::int64_t n,
                                  const Enqueue& enqueue) {
    using internal::StepRepetition;
    if (how == StepRepetition::automatic) how = found_;
    if (how == StepRepetition::automatic) {
      int driver = 0;
      check(cudaDriverGetVersion(&driver));
      how = driver >= kWhileNodes ? StepRepetition::while_node : StepRepetition::graph;
      // What a driver cannot do it says when the graph is made.
      for (; how != StepRepetition::launches;
           how = how == StepRepetition::while_node ? StepRepetition::graph : StepRepetition::launches) {
        try {
          (void)graph(launch, how, rows, enqueue);
          break;
        } catch (const Failure& failure) {
          if (failure.error == cudaErrorMemoryAllocation) throw;
          (void)cudaGetLastError();
        }
      }
      found_ = how;
    }
    if (how == StepRepetition::launches) {
      for (; n > 0; --n) enqueue(launch, simt::GraphCondition{});
    } else {
      graph(launch, how, rows, enqueue).run(n, launch.stream);
    }
    return how;
  }

 private:
  static constexpr int kWhileNodes = 12060;  // 12.4 has them; other projects that use them ask for 12.6

  template <class Enqueue>
  const StepGraph& graph(const Launch& launch, internal::StepRepetition how, std::int64_t rows,
                         const Enqueue& enqueue) {
    for (const StepGraph& made : graphs_)
      if (made.rows() == rows) return made;
    graphs_.emplace_back(launch, rows, how == internal::StepRepetition::while_node, enqueue);
    return graphs_.back();
  }

  internal::StepRepetition found_ = internal::StepRepetition::automatic;  // until it is known
  std::vector<StepGraph> graphs_;
};

}  // namespace velbo::kernels

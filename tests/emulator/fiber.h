// emulator/fiber.h - one emulated thread: a function with a stack of its own that can stop in the middle.
//
// Made of Boost.Context's two jumps rather than its class `fiber`, because the address sanitizer wants to be told of
// every jump, and the class jumps once where it cannot be told.
#pragma once
#include <boost/context/detail/fcontext.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>

namespace velbo::simt {

class Fiber {
 public:
  using Body = void (*)();

  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Prepares a new run of `body`, which must not throw.  The last one must have ended.
  void start(Body body);
  // Runs the body from where it stopped until it stops again or ends.
  void resume();
  // From within the body: goes back to whoever called resume().
  void stop();

 private:
  static void enter(boost::context::detail::transfer_t from);

  boost::context::protected_fixedsize_stack allocator_;  // with a guard page: a stack that overflows crashes at once
  boost::context::stack_context stack_;
  boost::context::detail::fcontext_t inside_ = nullptr;
  boost::context::detail::fcontext_t outside_ = nullptr;
  Body body_ = nullptr;
  // What the address sanitizer keeps for us while we are elsewhere.  Its stack of frames for the inside, which is costly to
  // make, serves all runs.
  void* fake_stack_inside_ = nullptr;
  void* fake_stack_outside_ = nullptr;
  const void* outside_bottom_ = nullptr;
  std::size_t outside_size_ = 0;
};

}  // namespace velbo::simt

#include "emulator/fiber.h"

#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)  // by GCC; no preset builds the tests with Clang's
#include <sanitizer/common_interface_defs.h>
#endif

namespace velbo::simt {
namespace {

namespace context = boost::context::detail;

// Enough for the arrays that a kernel has in registers on a GPU, and for the sanitizers' larger frames.
constexpr std::size_t kStackBytes = 256 * 1024;

// The address sanitizer has to know which stack is in use.  Before a jump: where the stack that is left keeps what the
// sanitizer knows of it, and the stack that is jumped to.
void before_jump([[maybe_unused]] void** kept, [[maybe_unused]] const void* bottom, [[maybe_unused]] std::size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(kept, bottom, size);
#endif
}

// After it: what was kept of the stack that is now in use, and which one was left.
void after_jump([[maybe_unused]] void* kept, [[maybe_unused]] const void** bottom, [[maybe_unused]] std::size_t* size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(kept, bottom, size);
#endif
}

}  // namespace

Fiber::Fiber() : allocator_(kStackBytes), stack_(allocator_.allocate()) {}

Fiber::~Fiber() { allocator_.deallocate(stack_); }

void Fiber::start(Body body) {
  body_ = body;
  inside_ = context::make_fcontext(stack_.sp, stack_.size, enter);
}

void Fiber::resume() {
  before_jump(&fake_stack_outside_, static_cast<char*>(stack_.sp) - stack_.size, stack_.size);
  inside_ = context::jump_fcontext(inside_, this).fctx;
  after_jump(fake_stack_outside_, nullptr, nullptr);
}

// Not instrumented, and nor is enter(): neither returns at the end of a run, and what the sanitizer marked in their
// frames would stay marked for the next run on the same stack.
__attribute__((no_sanitize_address)) void Fiber::stop() {
  before_jump(&fake_stack_inside_, outside_bottom_, outside_size_);
  outside_ = context::jump_fcontext(outside_, nullptr).fctx;
  after_jump(fake_stack_inside_, &outside_bottom_, &outside_size_);
}

__attribute__((no_sanitize_address)) void Fiber::enter(context::transfer_t from) {
  Fiber& fiber = *static_cast<Fiber*>(from.data);
  after_jump(fiber.fake_stack_inside_, &fiber.outside_bottom_, &fiber.outside_size_);
  fiber.outside_ = from.fctx;
  fiber.body_();
  fiber.stop();
  std::abort();  // nobody resumes a fiber that has ended
}

}  // namespace velbo::simt

// tests/fuzz/checkpoint.cpp - checkpoints of fits, with the checksum put right: what is read is written as the same file.
#include "fit/checkpoint.h"

#include "fuzz/fuzz.h"

namespace velbo::fuzz {
namespace {

void check(const std::string& bytes) {
  const std::string path = as_file(bytes);
  accepts([&] {
    const internal::Checkpoint checkpoint = internal::read_checkpoint(path);
    std::size_t n_numbers = 0;
    for (const auto& [name, entry] : checkpoint.state.entries()) n_numbers += entry.values.size();
    expect(n_numbers * sizeof(double) <= bytes.size(), "a state is no larger than its file");

    const std::string first = scratch_path("first"), second = scratch_path("second");
    internal::write_checkpoint(first, checkpoint);
    const internal::Checkpoint again = internal::read_checkpoint(first);
    internal::require_same(first, again.identity, checkpoint.identity);
    expect(again.state.texts() == checkpoint.state.texts(), "texts are read back");
    expect(again.state.entries().size() == checkpoint.state.entries().size(), "arrays are read back");
    internal::write_checkpoint(second, again);
    expect(bytes_of(first) == bytes_of(second), "a checkpoint that is read back is the same file");
  });
}

}  // namespace
}  // namespace velbo::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(velbo::fuzz::as_text(data, size));
  velbo::fuzz::check(velbo::fuzz::with_right_checksum(bytes));
  return 0;
}

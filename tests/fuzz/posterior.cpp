// tests/fuzz/posterior.cpp - posterior files, with the checksum put right: what is loaded can be used, and is saved as the
// same file.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "fuzz/fuzz.h"
#include "velbo/posterior.h"

namespace velbo::fuzz {
namespace {

void check(const std::string& bytes) {
  const std::string path = as_file(bytes);
  accepts([&] {
    const Posterior posterior = Posterior::load(path);
    const std::string summary = Posterior::load_summary_json(path);
    const auto d = static_cast<std::size_t>(posterior.n_latents());
    expect(posterior.names().size() == d && posterior.unconstrained_mean().size() == d,
           "a latent has a name and a mean");
    expect(d <= bytes.size(), "a latent has a byte");
    expect(posterior.mean().size() == d && posterior.sd().size() == d, "a latent has moments");
    expect(posterior.sample(2).size() == 2 * d, "a posterior can be sampled");
    expect(posterior.sample(2) == posterior.sample(2), "draws are a function of the seed");
    accepts([&] {
      const Predictions p = posterior.predict(table());
      const std::size_t width = std::max<std::size_t>(1, p.levels.size());
      expect(p.mean.size() == width * static_cast<std::size_t>(table().n_rows()), "a row has a prediction");
    });

    const std::string first = scratch_path("first"), second = scratch_path("second");
    posterior.save(first, summary);
    const Posterior again = Posterior::load(first);
    expect(again.names() == posterior.names() && again.sample(2) == posterior.sample(2), "a posterior is read back");
    again.save(second, Posterior::load_summary_json(first));
    expect(bytes_of(first) == bytes_of(second), "a posterior that is read back is the same file");
  });
}

}  // namespace
}  // namespace velbo::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(velbo::fuzz::as_text(data, size));
  velbo::fuzz::check(velbo::fuzz::with_right_checksum(bytes));
  return 0;
}

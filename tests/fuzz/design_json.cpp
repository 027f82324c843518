// tests/fuzz/design_json.cpp - the JSON of a design: refused, or a design that evaluates and survives its own JSON.
#include <nlohmann/json.hpp>

#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace velbo;
  const nlohmann::json json = nlohmann::json::parse(fuzz::as_text(data, size), nullptr, false);
  if (json.is_discarded()) return 0;
  fuzz::accepts([&] { fuzz::expect_design_survives(internal::Design::from_json(json)); });
  return 0;
}

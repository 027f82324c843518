// tests/fuzz/formula.cpp - formulas: parsed, coded and evaluated on a small table; finite, and the same after JSON.
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace velbo;
  const std::string_view formula = fuzz::as_text(data, size);
  fuzz::accepts([&] {
    const internal::Design design = internal::Design::make(formula, fuzz::table(), size % 2 == 1);
    fuzz::expect(design.formula() == formula, "a design keeps its formula");
    // JSON is UTF-8, and a formula may be anything: saving says so (posterior_file.cpp), and there is nothing to compare.
    for (const char c : formula)
      if (static_cast<unsigned char>(c) >= 0x80) return;
    fuzz::expect_design_survives(design);
  });
  return 0;
}

// What readers of safetensors files say; the files themselves are tested where they are written (posterior_file_test.cpp).
#include "io/safetensors.h"

#include <gtest/gtest.h>

#include "support/errors.h"

namespace velbo::internal {
namespace {

TEST(Safetensors, MetadataByName) {
  Safetensors file;
  file.metadata = {{"format", "something"}};
  EXPECT_EQ(metadata_at("PATH", file, "format"), "something");
  EXPECT_EQ(test::error_of([&] { metadata_at("PATH", file, "run"); }), "file| PATH: has no \"run\" in its metadata");
  EXPECT_EQ(test::error_of([] { fail_in_file("PATH", "is torn"); }), "file| PATH: is torn");
}

}  // namespace
}  // namespace velbo::internal

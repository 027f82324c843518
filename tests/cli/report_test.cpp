// --report of velbo mixture and velbo topics: a whole page, and a path that cannot be written is told before the work.
#include <gtest/gtest.h>

#include "cli/velbo.h"

namespace velbo::test {
namespace {

TEST(ReportCli, MixturesOfOneTwoAndMoreFeatures) {
  ScratchFolder folder;
  std::string text = "a,b,c\n";
  for (int i = 0; i < 90; ++i) {
    const double wobble = (i * 37 % 11 - 5) / 10.0, other = (i * 53 % 13 - 6) / 10.0;
    text += std::to_string(i % 3 * 5 + wobble) + "," + std::to_string(i % 2 * 4 + other) + "," +
            std::to_string(wobble * other) + "\n";
  }
  const std::string data = folder.file("rows.csv", text), page = folder.file("page.html");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a", "density"}, {"a,b", ">b<"}, {"a,b,c", "second principal component"}};
  for (const auto& [columns, expected] : cases) {
    const RunResult r = velbo(
        {"mixture", "fit", "--data", data, "--columns", columns, "--components", "3", "--report", page, "--quiet"});
    EXPECT_EQ(r.status, 0) << r.err;
    const std::string html = read_bytes(page);
    for (const std::string& part : {std::string("ELBO"), std::string("component 3"), expected, std::string("</html>")})
      EXPECT_NE(html.find(part), std::string::npos) << columns << ": " << part;
    EXPECT_EQ(html.find("nan"), std::string::npos);
  }
  const RunResult nowhere = velbo({"mixture", "fit", "--data", data, "--report", folder.file("none/page.html")});
  EXPECT_EQ(nowhere.status, 2);
  EXPECT_NE(nowhere.err.find("none/page.html"), std::string::npos) << nowhere.err;
}

TEST(ReportCli, Topics) {
  ScratchFolder folder;
  std::string documents;
  for (int d = 0; d < 40; ++d) documents += d % 2 == 0 ? "2 0:5 1:4\n" : "2 2:6 3:3\n";
  const std::string data = folder.file("words.ldac", documents),
                    words = folder.file("words.vocab", "apple\npear\n<bold>\nslate\n"), page = folder.file("page.html");
  const RunResult r =
      velbo({"topics", "fit", "--data", data, "--vocab", words, "--topics", "2", "--report", page, "--quiet"});
  EXPECT_EQ(r.status, 0) << r.err;
  const std::string html = read_bytes(page);
  for (const char* part : {"ELBO", "apple", "slate", "&lt;bold&gt;", "</html>"})
    EXPECT_NE(html.find(part), std::string::npos) << part;
  EXPECT_EQ(html.find("<bold>"), std::string::npos);
}

}  // namespace
}  // namespace velbo::test

// Arrays, sparse rows and conversions, as the program takes them.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/velbo.h"
#include "velbo/data.h"
#include "velbo/posterior.h"

namespace velbo::test {
namespace {

using Numbers = std::vector<double>;

void expect_text(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "expected " << part << " in\n" << text;
}

// 80 rows, 4 columns, two thirds zeros; not separated.
class Arrays : public ::testing::Test {
 protected:
  Arrays() {
    for (int i = 0; i < 80; ++i) {
      double eta = 0.3;
      for (int j = 0; j < 4; ++j) {
        const double v = (i + j) % 3 == 0 ? ((i * 37 + j * 11) % 23 - 11) / 8.0 : 0;
        x_.push_back(v);
        eta += (j % 2 == 0 ? 0.8 : -0.6) * v;
      }
      y_.push_back((i * 7919 % 100) < 100 / (1 + std::exp(-eta)) ? 1 : 0);
    }
    write_npy(x_path_, x_, 80, 4);
    write_npy(y_path_, y_, 80, 1);
    Numbers both;
    for (std::size_t i = 0; i < 80; ++i) {
      both.push_back(y_[i] == 1 ? 1 : -1);
      for (std::size_t j = 0; j < 4; ++j) both.push_back(x_[4 * i + j]);
    }
    write_npy(folder_.file("both.npy"), both, 80, 5);
    convert_data(folder_.file("both.npy"), sparse_path_);
  }

  // Of a fit that is to succeed.
  static nlohmann::json summary(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "fit");
    for (const char* more : {"--json", "-", "--quiet"}) arguments.emplace_back(more);
    const RunResult r = velbo(arguments);
    EXPECT_EQ(r.status, 0) << r.err;
    return nlohmann::json::parse(r.out, nullptr, false);
  }
  std::string mistake(const std::vector<std::string>& arguments) {
    const std::size_t files = folder_.n_files();
    const RunResult r = velbo(arguments);
    EXPECT_EQ(r.status, 2) << r.err;
    EXPECT_EQ(r.out, "");
    EXPECT_EQ(n_lines(r.err), 1) << r.err;
    EXPECT_EQ(folder_.n_files(), files) << "something was left behind";
    return r.err;
  }

  ScratchFolder folder_;
  std::string x_path_ = folder_.file("x.npy"), y_path_ = folder_.file("y.npy"), sparse_path_ = folder_.file("a.libsvm");
  Numbers x_, y_;
};

TEST_F(Arrays, SparseFloatAndDoubleAreTheSameModel) {
  convert_data(x_path_, folder_.file("x4.npy"), {.float32 = true});  // eighths are exact
  convert_data(y_path_, folder_.file("y4.npy"), {.float32 = true});
  const nlohmann::json a = summary({"--data", x_path_, "--target", y_path_});
  const nlohmann::json b = summary({"--data", folder_.file("x4.npy"), "--target", folder_.file("y4.npy")});
  const nlohmann::json c = summary({"--data", sparse_path_});
  EXPECT_EQ(c["model"]["formula"], "y ~ x1 + ... + x4");
  EXPECT_EQ(c["model"]["likelihood"], "bernoulli");
  for (const nlohmann::json& other : {b, c}) {
    ASSERT_EQ(other["parameters"].size(), 5U);
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(other["parameters"][i]["name"], a["parameters"][i]["name"]);
      const double sd = a["parameters"][i]["sd"];
      EXPECT_NEAR(other["parameters"][i]["mean"].get<double>(), a["parameters"][i]["mean"].get<double>(), 1e-3 * sd);
      EXPECT_NEAR(other["parameters"][i]["sd"].get<double>(), sd, 1e-3 * sd);
    }
  }
}

TEST_F(Arrays, LabelsAreSaidOnce) {
  const RunResult r = velbo({"fit", "--data", sparse_path_});
  EXPECT_EQ(r.status, 0) << r.err;
  expect_text(r.out, "the outcome's label 1 counts as 1, label -1 as 0");
  EXPECT_EQ(r.err, "");
  EXPECT_EQ(velbo({"fit", "--data", sparse_path_, "--quiet"}).err, "");
  // 0 and 1 need no word; and a file without an extension is taken for LIBSVM's.
  std::string text = read_bytes(sparse_path_);
  for (std::size_t at = 0; (at = text.find("\n-1", at)) != std::string::npos;) text.replace(at, 3, "\n0");
  if (text.starts_with("-1")) text.replace(0, 2, "0");
  const RunResult zeros = velbo({"fit", "--data", folder_.file("noextension", text)});
  EXPECT_EQ(zeros.status, 0) << zeros.err;
  const auto estimates = [](const std::string& report) { return report.substr(0, report.find("* default prior")); };
  EXPECT_EQ(estimates(zeros.out), estimates(r.out)) << "the same model";
  EXPECT_EQ(zeros.err, "");
}

TEST_F(Arrays, PredictionsOfSparseRowsAreThoseOfDenseOnes) {
  const std::string fit = folder_.file("fit.velbo");
  ASSERT_EQ(velbo({"fit", "--data", sparse_path_, "--out", fit, "--quiet"}).status, 0);
  const RunResult dense = velbo({"predict", fit, "--data", x_path_});
  const RunResult sparse = velbo({"predict", fit, "--data", sparse_path_});
  EXPECT_EQ(dense.status, 0) << dense.err;
  EXPECT_EQ(sparse.status, 0) << sparse.err;
  EXPECT_EQ(n_lines(dense.out), 81);
  EXPECT_EQ(sparse.out, dense.out);
  // Fewer columns than the model: the others are zero.
  const std::string few = folder_.file("few.libsvm", "0 2:1.5\n0\n");
  write_npy(folder_.file("few.npy"), Numbers{0, 1.5, 0, 0, 0, 0, 0, 0}, 2, 4);
  EXPECT_EQ(velbo({"predict", fit, "--data", few}).out, velbo({"predict", fit, "--data", folder_.file("few.npy")}).out);
  expect_text(mistake({"predict", fit, "--data", folder_.file("wide.libsvm", "0 5:1\n")}),
              "x has 5 columns, the model has 4 predictors");
  expect_text(mistake({"predict", fit, "--data", y_path_}), "x has 1 columns, the model has 4 predictors");
}

TEST_F(Arrays, MistakesOfSparseFits) {
  expect_text(mistake({"fit", "y ~ x1", "--data", sparse_path_}), "takes neither a formula nor --target");
  expect_text(mistake({"fit", "--data", sparse_path_, "--target", y_path_}), "takes neither a formula nor --target");
  expect_text(mistake({"fit", "--data", folder_.file("bad.svm", "1 1:1\n1 0:2\n")}),
              "bad.svm:2: feature 0, but ids count from 1");
  expect_text(mistake({"fit", "--data", folder_.file("q.svm", "1 qid:1 1:1\n")}), "ranking data (qid)");
  expect_text(mistake({"fit", "--data", folder_.file("none.svm")}), "none.svm: cannot be read");
  expect_text(mistake({"fit", "--data", folder_.file("many.svm", "1 1:1\n2 1:2\n3 1:0.5\n")}),
              "the likelihood cannot be guessed: outcome y holds whole numbers from 1 to 3");
  expect_text(mistake({"fit", "--data", sparse_path_, "--weights", "w"}), "--weights is w, expected a .npy file");
  expect_text(mistake({"fit", "--data", sparse_path_, "--weights", folder_.file("both.npy")}),
              "both.npy: has 5 columns, expected one");
}

TEST_F(Arrays, Convert) {
  const std::string csv = folder_.file("a.csv");
  EXPECT_EQ(velbo({"convert", sparse_path_, csv}).status, 0);
  EXPECT_EQ(velbo({"convert", csv, folder_.file("again.npy")}).status, 0);
  EXPECT_EQ(read_bytes(folder_.file("again.npy")), read_bytes(folder_.file("both.npy")));
  EXPECT_EQ(velbo({"convert", csv, folder_.file("again.libsvm"), "--target", "y"}).status, 0);
  EXPECT_EQ(read_bytes(folder_.file("again.libsvm")), read_bytes(sparse_path_));
  EXPECT_EQ(velbo({"convert", x_path_, folder_.file("x4.npy"), "--float32"}).status, 0);
  EXPECT_EQ(std::filesystem::file_size(folder_.file("x4.npy")), 128U + 80 * 4 * 4);

  expect_text(mistake({"convert"}), "the file to convert is missing");
  expect_text(mistake({"convert", csv}), "the file to write is missing");
  expect_text(mistake({"convert", csv, folder_.file("a.txt")}), "its kind is told by its extension");
  expect_text(mistake({"convert", csv, folder_.file("b.csv")}), "of the same kind");
  expect_text(mistake({"convert", csv, folder_.file("b.npy"), "--target", "y"}), "only a LIBSVM file has a label");
  expect_text(mistake({"convert", csv, folder_.file("b.libsvm"), "--target", "z"}), "no column \"z\"");
  expect_text(mistake({"convert", csv, folder_.file("b.libsvm"), "--float32"}), "float32 is for .npy files");
  expect_text(mistake({"convert", csv, "/no/such/folder/b.npy"}), "cannot be written");
  expect_text(mistake({"convert", folder_.file("none.csv"), folder_.file("b.npy")}), "none.csv: cannot be read");
  EXPECT_EQ(velbo({"convert", csv, folder_.file("b.libsvm"), "extra"}).status, 2);
}

TEST(SparseFits, A9a) {
  const std::string path = std::string(VELBO_SHARED_DATA_DIR) + "/classification/a9a.libsvm";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not here";
  const ScratchFolder folder;
  const std::vector<std::string> common = {"--prior", "normal(0, 1)", "--prior-intercept", "normal(0, 5)", "--json",
                                           "-",       "--quiet"};
  const auto fit = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "fit");
    arguments.insert(arguments.end(), common.begin(), common.end());
    const RunResult r = velbo(arguments);
    EXPECT_EQ(r.status, 0) << r.err;
    return nlohmann::json::parse(r.out, nullptr, false);
  };
  const nlohmann::json sparse = fit({"--data", path});
  EXPECT_EQ(sparse["model"]["n_rows"], 32561);
  EXPECT_EQ(sparse["parameters"].size(), 124U);
  // The same rows, dense.
  const LibsvmData data = read_libsvm(path);
  Numbers x(static_cast<std::size_t>(data.x.n_rows() * data.x.n_columns())), y = data.y;
  for (std::int64_t n = 0; n < data.x.n_rows(); ++n)
    data.x.row(n, std::span(x).subspan(static_cast<std::size_t>(n * data.x.n_columns()),
                                       static_cast<std::size_t>(data.x.n_columns())));
  for (double& label : y) label = label > 0 ? 1 : 0;
  write_npy(folder.file("x.npy"), x, data.x.n_rows(), data.x.n_columns());
  write_npy(folder.file("y.npy"), y, data.x.n_rows(), 1);
  const nlohmann::json dense = fit({"--data", folder.file("x.npy"), "--target", folder.file("y.npy")});
  for (std::size_t i = 0; i < 124; ++i) {
    const double sd = dense["parameters"][i]["sd"];
    EXPECT_NEAR(sparse["parameters"][i]["mean"].get<double>(), dense["parameters"][i]["mean"].get<double>(), 0.03 * sd);
    EXPECT_NEAR(sparse["parameters"][i]["sd"].get<double>(), sd, 0.03 * sd);
  }
}

}  // namespace
}  // namespace velbo::test

// tests/cli/velbo.h - the program under test, and tables for it.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "support/run_program.h"
#include "support/scratch.h"

namespace velbo::test {

inline std::vector<std::string> velbo_command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), VELBO_CLI);
  return arguments;
}

inline RunResult velbo(std::vector<std::string> arguments, const std::function<void()>& prepare = {}) {
  return run_program(velbo_command(std::move(arguments)), prepare);
}

inline std::ptrdiff_t n_lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

// A table whose outcomes are not separated by x: y, x, count, real, group, n, offset.
inline std::string table_text() {
  std::string text = "y,x,count,real,group,n,o\n";
  for (int i = 0; i < 60; ++i) {
    const double x = (i * 37 % 60 - 30) / 15.0;
    const int y = (i * 7919 % 100) < 30 + 20 * x ? 1 : 0;
    text += std::to_string(y) + "," + std::to_string(x) + "," + std::to_string(i * 31 % 7) + "," +
            std::to_string(1.5 * x + (i * 17 % 11 - 5) / 10.0) + "," +
            (i % 3 == 0   ? "red"
             : i % 3 == 1 ? "green"
                          : "blue") +
            "," + std::to_string(7 + i % 3) + "," + std::to_string(0.1 * (i % 5)) + "\n";
  }
  return text;
}

}  // namespace velbo::test

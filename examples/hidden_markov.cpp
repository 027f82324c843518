// Weather as somebody indoors sees it: umbrellas come and go, and the season behind them is hidden.
#include <velbo/velbo.h>

#include <cstdint>
#include <iostream>
#include <vector>

int main() {
  // Two seasons that stay with probability 0.95; in one umbrellas are seen on 8 days of 10, in the other on 1.
  std::vector<std::int64_t> umbrella;
  std::uint64_t bits = 42;
  const auto uniform = [&bits] {
    bits = bits * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<double>(bits >> 11U) * 0x1p-53;
  };
  bool rainy = false;
  for (int day = 0; day < 1500; ++day) {
    if (uniform() > 0.95) rainy = !rainy;
    umbrella.push_back(uniform() < (rainy ? 0.8 : 0.1) ? 1 : 0);
  }

  const velbo::Sequences days = velbo::Sequences::symbols(umbrella, 2, {0, 750}, {"none", "umbrella"});
  const velbo::HiddenMarkov model = velbo::fit_hidden_markov(days, {.n_states = 2});
  std::cout << model.text();

  // One state is the rainy season.
  const std::vector<double> p = model.symbol_probabilities();  // [state, symbol]
  const double most = p[1] > p[3] ? p[1] : p[3], least = p[1] > p[3] ? p[3] : p[1];
  const bool found = most > 0.7 && most < 0.9 && least < 0.2 && model.transition()[0] > 0.9;
  return model.run().converged() && found ? 0 : 1;
}

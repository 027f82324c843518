// first_fit - from a table to a posterior that answers questions about new rows.
//
//   first_fit wells.csv
#include <velbo/velbo.h>

#include <cstdio>
#include <exception>
#include <iostream>

int main(int argc, char** argv) try {
  const velbo::Table wells = velbo::read_csv(argc > 1 ? argv[1] : "wells.csv");
  const velbo::Glm model("switch ~ distance + arsenic", velbo::Likelihood::bernoulli, wells);
  const velbo::Fit fit = velbo::fit(model, {.tolerance = 0.01});
  std::cout << fit.summary.full_report();
  if (fit.summary.quality.verdict == velbo::Verdict::unreliable) return 3;

  // The posterior is one file that needs neither the table nor the formula again.
  fit.save("wells.velbo");
  const velbo::Posterior posterior = velbo::Posterior::load("wells.velbo");

  // Two families at a well with 1.5 units of arsenic: the next safe well is 20 m or 200 m away.
  velbo::Table families;
  families.add_numbers("distance", {20, 200});
  families.add_numbers("arsenic", {1.5, 1.5});
  const velbo::Predictions switches = posterior.predict(families, {.interval = 0.9});
  for (std::size_t i = 0; i < switches.mean.size(); ++i)
    std::printf("family %zu switches with probability %.2f (90 %%: %.2f to %.2f)\n", i + 1, switches.mean[i],
                switches.lower[i], switches.upper[i]);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "first_fit: " << error.what() << "\n";
  return 1;
}

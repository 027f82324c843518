// Logistic regression as a model in code with a plate, on the CPU.
#include "switches_model.h"

#include <exception>
#include <iostream>

int main(int count, char** arguments) try {
  const velbo::Fit fit = velbo::fit(switches::model(count > 1 ? arguments[1] : "examples/data/wells.csv"));
  std::cout << fit.summary.full_report();
  return fit.summary.converged() ? 0 : 3;
} catch (const std::exception& error) {
  std::cerr << "switches: " << error.what() << '\n';
  return 1;
}

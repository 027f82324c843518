// support/posteriordb_models.h - the posteriors of posteriordb, each written as a user would write it: parameters and a functor.
//
// What they are is described in each posterior's model.txt; "half" priors are two-sided densities there, and here.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "velbo/model.h"

namespace velbo::test {

// The names there are.
std::vector<std::string> posteriordb_names();

// Of data.json.  Throws std::invalid_argument for a name that is not one of them.
Model posteriordb_model(const std::string& name, const nlohmann::json& data);

}  // namespace velbo::test

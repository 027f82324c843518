// support/posteriordb_regressions.h - those models of posteriordb_models.h that are regressions, of data.json.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "velbo/model.h"

namespace velbo::test {

using Doubles = std::vector<double>;

inline Doubles doubles(const nlohmann::json& values) { return values.get<Doubles>(); }

Model autoregression(const std::string& name, const nlohmann::json& data);
Model kidiq(const std::string& name, const nlohmann::json& data);
Model earnings(const std::string& name, const nlohmann::json& data);
Model mesquite(const std::string& name, const nlohmann::json& data);
Model nes(const std::string& name, const nlohmann::json& data);
Model diamonds(const std::string& name, const nlohmann::json& data);
Model simulated(const std::string& name, const nlohmann::json& data);
Model kilpisjarvi(const std::string& name, const nlohmann::json& data);

}  // namespace velbo::test

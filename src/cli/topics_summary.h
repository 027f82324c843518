// cli/topics_summary.h - a topic model as text and as JSON.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "velbo/topics.h"

namespace velbo::cli {

[[nodiscard]] std::string topics_text(const TopicModel& model, std::int64_t n_words,
                                      const std::optional<TopicCoherence>& coherence);
[[nodiscard]] std::string topics_json(const TopicModel& model, std::int64_t n_words,
                                      const std::optional<TopicCoherence>& coherence);

}  // namespace velbo::cli

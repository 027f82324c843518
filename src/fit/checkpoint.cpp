// fit/checkpoint.cpp
#include "fit/checkpoint.h"

#include <fmt/format.h>
#include <zlib.h>

#include "io/safetensors.h"
#include "velbo/error.h"
#include "velbo/version.h"

namespace velbo::internal {
namespace {

constexpr const char* kFormat = "velbo.checkpoint";
constexpr const char* kFormatVersion = "1";
constexpr const char* kIdentity = "identity.";
constexpr const char* kText = "text.";

class Crc {
 public:
  void add(const void* bytes, std::size_t size) {
    const auto* next = static_cast<const unsigned char*>(bytes);
    for (; size > 0;) {
      const std::size_t piece = std::min<std::size_t>(size, 1U << 30U);
      value_ = ::crc32(value_, next, static_cast<uInt>(piece));
      next += piece;
      size -= piece;
    }
  }
  void add(const std::string& text) { add(text.c_str(), text.size() + 1); }
  void add(const std::vector<double>& values) { add(values.data(), values.size() * sizeof(double)); }
  [[nodiscard]] std::string hex() const { return fmt::format("{:08x}", value_); }

 private:
  unsigned long value_ = ::crc32(0, nullptr, 0);
};

// Of the predictors their means and sds stand for all: any change of the data changes a bit of them.
std::string data_checksum(const GlmData& data) {
  Crc crc;
  for (const std::vector<double>* values :
       {&data.column_mean, &data.column_sd, &data.y, &data.weights, &data.offset, &data.trials}) {
    const auto size = static_cast<std::int64_t>(values->size());
    crc.add(&size, sizeof size);
    crc.add(*values);
  }
  return crc.hex();
}

std::string priors_text(const GlmData& data) {
  Crc crc;
  for (const NamedPrior& prior : data.priors) crc.add(prior.parameter + " ~ " + prior.prior.text());
  return crc.hex();
}

// All digits of a number.
std::string exact(double value) { return fmt::format("{:a}", value); }

}  // namespace

std::map<std::string, std::string> checkpoint_identity(const GlmData& data, const FitOptions& options,
                                                       const Choices& choices) {
  const std::string device = to_string(choices.device) + (choices.streamed ? ", streamed" : "");
  std::map<std::string, std::string> out = {{"formula", data.recipe.formula},
                                            {"likelihood", std::string(name(data.recipe.likelihood))},
                                            {"rows", std::to_string(data.n_rows)},
                                            {"latents", std::to_string(data.recipe.n_latents())},
                                            {"data", data_checksum(data)},
                                            {"priors", priors_text(data)},
                                            {"engine", std::string(name(choices.engine))},
                                            {"family", std::string(name(choices.family))},
                                            {"rank", std::to_string(choices.rank)},
                                            {"scalar", std::string(name(choices.scalar))},
                                            {"device", device},
                                            {"seed", std::to_string(options.seed)},
                                            {"tolerance", exact(options.tolerance)},
                                            {"init", options.init ? "given" : "none"}};
  if (choices.engine != EngineKind::gradient) return out;
  add_identity(choices.gradient, out);
  out["blocks"] = fmt::format("{}/{}", choices.blocks.block_rows, choices.blocks.buffer_rows);
  return out;
}

void add_identity(const GradientOptions& g, std::map<std::string, std::string>& identity) {
  identity.insert({{"estimator", std::string(name(g.estimator))},
                   {"draws", std::to_string(g.draws)},
                   {"draw_kind", std::string(name(g.draw_kind))},
                   {"entropy", std::string(name(g.entropy))},
                   {"batch_size", std::to_string(g.batch_size)},
                   {"optimizer", std::string(name(g.optimizer))},
                   {"learning_rate", exact(g.learning_rate)},
                   {"momentum", exact(g.momentum)},
                   {"warm_up_steps", std::to_string(g.warm_up_steps)},
                   {"decay", exact(g.decay)},
                   {"clip", exact(g.clip)},
                   {"averaging", g.averaging ? "yes" : "no"},
                   {"variance_reduction", std::string(name(g.variance_reduction))}});
}

void write_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  Safetensors file;
  file.metadata = {{"format", kFormat}, {"format_version", kFormatVersion}, {"velbo_version", velbo::version()}};
  for (const auto& [key, value] : checkpoint.identity) file.metadata[kIdentity + key] = value;
  for (const auto& [key, value] : checkpoint.state.texts()) file.metadata[kText + key] = value;
  for (const auto& [key, entry] : checkpoint.state.entries()) file.tensors.push_back({key, entry.shape, entry.values});
  write_safetensors(path, file);
}

Checkpoint read_checkpoint(const std::string& path) {
  Safetensors file = read_safetensors(path);
  const auto format = file.metadata.find("format");
  if (format == file.metadata.end() || format->second != kFormat)
    throw Error(ErrorCode::file, path + ": is not a checkpoint of a fit");
  if (const auto version = file.metadata.find("format_version");
      version == file.metadata.end() || version->second != kFormatVersion)
    throw Error(ErrorCode::file,
                fmt::format("{}: is a checkpoint of format {}, this velbo reads {}", path,
                            version == file.metadata.end() ? "unknown" : version->second, kFormatVersion));
  Checkpoint out;
  for (const auto& [key, value] : file.metadata) {
    if (key.starts_with(kIdentity)) out.identity[key.substr(std::string(kIdentity).size())] = value;
    if (key.starts_with(kText)) out.state.set_text(key.substr(std::string(kText).size()), value);
  }
  for (Tensor& tensor : file.tensors)
    out.state.entries()[tensor.name] = {std::move(tensor.shape), std::move(tensor.values)};
  return out;
}

void require_same(const std::string& path, const std::map<std::string, std::string>& in_file,
                  const std::map<std::string, std::string>& of_fit) {
  for (const auto& [key, value] : of_fit) {
    const auto found = in_file.find(key);
    const std::string there = found == in_file.end() ? "nothing" : found->second;
    if (there != value)
      throw Error(ErrorCode::argument,
                  fmt::format("{}: is of a fit with {} {}, but this one has {}", path, key, there, value));
  }
}

}  // namespace velbo::internal

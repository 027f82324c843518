// topics - from counts of words to topics that answer questions about new documents.
#include <velbo/velbo.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

// Documents about two subjects, each word as its place in the vocabulary: 300 of them, cut into rows as a file would be.
velbo::Corpus read_documents(const std::vector<std::string>& vocabulary) {
  std::vector<std::int64_t> start = {0};
  std::vector<std::int32_t> word;
  std::vector<double> count;
  for (int d = 0; d < 300; ++d) {
    const int subject = d % 3 == 0 ? 5 : 0;  // a third about cooking
    for (int i = 0; i < 3; ++i) {
      word.push_back(subject + (d * 7 + i) % 5);
      count.push_back(1 + (d + i) % 4);
    }
    start.push_back(static_cast<std::int64_t>(word.size()));
  }
  return velbo::Corpus(static_cast<std::int64_t>(vocabulary.size()), start, word, count, vocabulary);
}

}  // namespace

int main() try {
  const std::vector<std::string> vocabulary = {"goal", "team", "match", "coach",  "league",
                                               "oven", "salt", "flour", "butter", "dough"};
  const velbo::Corpus corpus =
      read_documents(vocabulary);  // or velbo::Corpus::read("ap.dat", {.vocabulary = "ap.vocab"})

  velbo::TopicOptions options;
  options.n_topics = 2;
  options.learn_alpha = true;
  const velbo::TopicModel model = velbo::fit_topics(corpus, options);
  std::printf("ELBO %.2f after %.0f passes: %s\n", model.run().elbo, model.run().passes, model.run().message.c_str());
  for (std::int64_t k = 0; k < model.n_topics(); ++k) {
    std::printf("topic %d, %.0f %% of all words:", static_cast<int>(k),
                100 * model.topic_weights()[static_cast<std::size_t>(k)]);
    for (const velbo::TopWord& top : model.top_words(k, 4))
      std::printf(" %s (%.2f)", top.text.c_str(), top.probability);
    std::printf("\n");
  }

  // The model is one file.  A new document: twice "dough", once "team".
  model.save("topics.velbo");
  const velbo::TopicModel loaded = velbo::TopicModel::load("topics.velbo");
  const velbo::Corpus fresh(10, std::vector<std::int64_t>{0, 2}, std::vector<std::int32_t>{9, 1},
                            std::vector<double>{2, 1}, vocabulary);
  const std::vector<double> shares = loaded.transform(fresh);
  std::printf("the new document: %.2f and %.2f of the topics\n", shares[0], shares[1]);
  std::printf("document completion: %.2f nats a word\n", loaded.complete_documents(corpus).log_predictive);

  // More documents, without the old ones.
  const velbo::TopicModel more = velbo::partial_fit(loaded, fresh);
  return more.n_documents() == 301 && model.run().converged() ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "topics: %s\n", error.what());
  return 1;
}

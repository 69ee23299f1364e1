// Word vectors by skip-gram with negative sampling (Mikolov et al., 2013) from English text: two
// embeddings, and Dot says how well a word and its neighbour go together. The sum of both is a
// word's vector.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <map>
#include <random>

#include <nyala/nyala.hpp>

#include "csv.hpp"

using namespace nyala;

namespace {

constexpr int kWords = 1000;
constexpr int kWindow = 6;
constexpr int kNegatives = 5;

struct Text {
  std::vector<std::string> vocabulary;  // commonest first
  std::vector<int> words;               // -1 for one not among them
};

Text read_text(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw IoError("cannot read " + path);
  std::vector<std::string> tokens;
  std::map<std::string, int> counts;
  std::string word;
  for (char c; file.get(c);) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!word.empty()) {
      ++counts[word];
      tokens.push_back(std::exchange(word, ""));
    }
  }
  std::vector<std::pair<int, std::string>> order;
  for (const auto& [name, count] : counts) order.emplace_back(-count, name);
  std::sort(order.begin(), order.end());
  order.resize(std::min<std::size_t>(order.size(), kWords));
  Text text;
  std::map<std::string, int> numbers;
  for (const auto& [count, name] : order) {
    numbers[name] = static_cast<int>(text.vocabulary.size());
    text.vocabulary.push_back(name);
  }
  for (const std::string& token : tokens) {
    const auto found = numbers.find(token);
    text.words.push_back(found == numbers.end() ? -1 : found->second);
  }
  return text;
}

struct Samples {
  std::vector<int> word, context;
  std::vector<float> together;
};

// Words in a window belong together; words drawn at random (by count to the power 3/4) do not. Very
// common words are mostly left out, as in the paper.
Samples make_samples(const Text& text) {
  std::mt19937 random(5);
  std::vector<double> counts(text.vocabulary.size());
  for (int word : text.words) {
    if (word >= 0) ++counts[static_cast<std::size_t>(word)];
  }
  std::vector<double> weights;
  for (double count : counts) weights.push_back(std::pow(count, 0.75));
  std::discrete_distribution<int> negative(weights.begin(), weights.end());
  std::uniform_real_distribution<double> chance(0, 1);
  const double rare = 2e-4 * static_cast<double>(text.words.size());
  std::vector<int> kept;
  for (int word : text.words) {
    if (word >= 0 && chance(random) < std::sqrt(rare / counts[static_cast<std::size_t>(word)]))
      kept.push_back(word);
  }
  Samples samples;
  const auto add = [&](int word, int context, float together) {
    samples.word.push_back(word);
    samples.context.push_back(context);
    samples.together.push_back(together);
  };
  const int size = static_cast<int>(kept.size());
  for (int i = 0; i < size; ++i) {
    for (int j = std::max(0, i - kWindow); j <= std::min(size - 1, i + kWindow); ++j) {
      if (i == j) continue;
      add(kept[static_cast<std::size_t>(i)], kept[static_cast<std::size_t>(j)], 1);
      for (int k = 0; k < kNegatives; ++k)
        add(kept[static_cast<std::size_t>(i)], negative(random), 0);
    }
  }
  return samples;
}

}  // namespace

int main() {
  set_random_seed(4);
  const Text text = read_text(example::data_file("kjv.txt"));
  const Samples samples = make_samples(text);
  const auto count = static_cast<std::int64_t>(samples.word.size());
  const auto words = static_cast<int>(text.vocabulary.size());
  std::cout << text.words.size() << " words of text, " << words << " in the vocabulary, " << count
            << " samples\n";

  const Symbol word = Input({.shape = {1}, .dtype = int32, .name = "word"});
  const Symbol context = Input({.shape = {1}, .dtype = int32, .name = "context"});
  const layers::Embedding of_words({.input_dim = words, .output_dim = 64, .name = "words"});
  const layers::Embedding of_contexts({.input_dim = words, .output_dim = 64, .name = "contexts"});
  const Symbol a = layers::Flatten()(of_words(word));
  const Symbol b = layers::Flatten()(of_contexts(context));
  const Symbol score =
      layers::Activation({.activation = "sigmoid"})(layers::Dot({.axes = 1})({a, b}));
  Model model({word, context}, score, {.name = "skip_gram"});
  model.summary(std::cout);
  model.compile(
      {.optimizer = optimizers::Adam({.learning_rate = 0.002}), .loss = "binary_crossentropy"});
  const History history =
      model.fit({Tensor::from(samples.word, {count, 1}), Tensor::from(samples.context, {count, 1})},
                Tensor::from(samples.together, {count, 1}),
                {.batch_size = 2048, .epochs = 20, .verbose = 2});

  const Tensor vectors = ops::l2_normalize(
      of_words.weights()[0].value() + of_contexts.weights()[0].value(), {.axis = 1});
  const Tensor similarity = ops::matmul(vectors, ops::transpose(vectors));
  int found = 0;
  // Each with a word that a reader would look for beside it.
  const std::vector<std::array<std::string, 2>> pairs = {{"sea", "ship"},
                                                         {"king", "jews"},
                                                         {"bread", "eat"},
                                                         {"morning", "evening"},
                                                         {"egypt", "pharaoh"},
                                                         {"two", "hundred"},
                                                         {"field", "cave"},
                                                         {"fish", "fowl"}};
  for (const auto& [name, companion] : pairs) {
    const auto at =
        std::find(text.vocabulary.begin(), text.vocabulary.end(), name) - text.vocabulary.begin();
    std::cout << name << ':';
    const auto nearest = ops::top_k(similarity[at], 8).indices.to_vector<std::int32_t>();
    for (std::size_t i = 1; i < nearest.size(); ++i) {
      const std::string& other = text.vocabulary[static_cast<std::size_t>(nearest[i])];
      std::cout << ' ' << other;
      if (other == companion) ++found;
    }
    std::cout << '\n';
  }
  const double loss = history["loss"].back();
  // Knowing nothing but how often each answer is right gives 0.45.
  std::cout << "loss " << loss << " (guessing gives 0.45); " << found << " of " << pairs.size()
            << " words have the companion that a reader looks for (at least 5 wanted)\n";
  return found >= 5 ? 0 : 1;
}

// A memory network (Sukhbaatar et al., 2015) that answers questions about stories. The stories are
// generated: four people walk between six places, and the question is where one of them is. The
// first Dot says how well each sentence fits the question; the second one takes from the sentences
// what fits.
#include <iostream>
#include <random>
#include <string>

#include <nyala/nyala.hpp>

using namespace nyala;

namespace {

const std::vector<std::string> kPeople = {"mary", "john", "sandra", "daniel"};
const std::vector<std::string> kPlaces = {
    "kitchen", "garden", "office", "hallway", "bathroom", "bedroom"};
constexpr int kSentences = 8;
constexpr int kWidth = 32;
constexpr int kPeopleCount = 4, kPlaceCount = 6;

struct Stories {
  std::vector<int> sentences;  // person, place
  std::vector<int> asked, answer;
};

Stories make_stories(int count, unsigned seed) {
  std::mt19937 random(seed);
  const auto draw = [&](int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  };
  Stories stories;
  for (int i = 0; i < count; ++i) {
    std::vector<int> at(kPeopleCount, -1);
    for (int sentence = 0; sentence < kSentences; ++sentence) {
      const int person = draw(kPeopleCount), place = draw(kPlaceCount);
      at[static_cast<std::size_t>(person)] = place;
      stories.sentences.insert(stories.sentences.end(), {person, kPeopleCount + place});
    }
    int person = draw(kPeopleCount);
    while (at[static_cast<std::size_t>(person)] < 0) person = (person + 1) % kPeopleCount;
    stories.asked.push_back(person);
    stories.answer.push_back(at[static_cast<std::size_t>(person)]);
  }
  return stories;
}

// The words of each sentence together, and when it was said, as one vector a sentence.
Symbol memory(const Symbol& story, const Symbol& time, const std::string& name) {
  const Symbol words = layers::Embedding(
      {.input_dim = kPeopleCount + kPlaceCount, .output_dim = kWidth, .name = name})(story);
  const Symbol sentences =
      layers::TimeDistributed({.layer = layers::GlobalAveragePooling1D()})(words);
  const Symbol when = layers::Embedding({.input_dim = kSentences, .output_dim = kWidth})(time);
  return layers::Add()({sentences, when});
}

}  // namespace

int main() {
  set_random_seed(10);
  const Stories training = make_stories(4000, 1), others = make_stories(1000, 2);
  const auto tensors = [](const Stories& stories) {
    const auto count = static_cast<std::int64_t>(stories.asked.size());
    const Tensor times =
        ops::broadcast_to(ops::arange(kSentences, {.dtype = int32}), {count, kSentences});
    return std::vector<Tensor>{Tensor::from(stories.sentences, {count, kSentences, 2}),
                               times,
                               Tensor::from(stories.asked, {count, 1})};
  };
  const auto answers = [](const Stories& stories) {
    return Tensor::from(stories.answer, {static_cast<std::int64_t>(stories.answer.size()), 1});
  };

  const Symbol story = Input({.shape = {kSentences, 2}, .dtype = int32, .name = "story"});
  const Symbol time = Input({.shape = {kSentences}, .dtype = int32, .name = "time"});
  const Symbol question = Input({.shape = {1}, .dtype = int32, .name = "question"});
  const Symbol asked = layers::Flatten()(
      layers::Embedding({.input_dim = kPeopleCount, .output_dim = kWidth})(question));
  const Symbol fits =
      layers::Dot({.axes = {2, 1}, .name = "fits"})({memory(story, time, "input"), asked});
  const Symbol weights = layers::Softmax({.name = "weights"})(fits);
  const Symbol found =
      layers::Dot({.axes = 1, .name = "found"})({weights, memory(story, time, "output")});
  const Model model({story, time, question},
                    layers::Dense({.units = kPlaceCount, .activation = "softmax"})(
                        layers::Concatenate()({found, asked})),
                    {.name = "memory_network"});
  model.summary(std::cout);
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 0.005}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  model.fit(tensors(training), answers(training), {.batch_size = 32, .epochs = 40, .verbose = 2});
  const double accuracy =
      model.evaluate(tensors(others), answers(others), {.verbose = 0})["accuracy"];

  const Model looking({story, time, question}, weights);
  const Tensor looks = looking.predict(tensors(others), {.verbose = 0})[0];
  for (std::size_t i = 0; i < kSentences; ++i) {
    std::cout << kPeople[static_cast<std::size_t>(others.sentences[2 * i])] << " went to the "
              << kPlaces[static_cast<std::size_t>(others.sentences[2 * i + 1] - kPeopleCount)]
              << " ("
              << static_cast<int>(100 * looks[static_cast<std::int64_t>(i)].item<double>() + 0.5)
              << "%)\n";
  }
  std::cout << "where is " << kPeople[static_cast<std::size_t>(others.asked[0])] << "? "
            << kPlaces[static_cast<std::size_t>(others.answer[0])] << '\n'
            << "accuracy on stories not trained on: " << accuracy << " (at least 0.95 wanted)\n";
  return accuracy >= 0.95 ? 0 : 1;
}

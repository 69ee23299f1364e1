// Writes a random tree as an HDF5 file, and what is in it as an npz file: for hdf5_property.py.
#include <iostream>
#include <random>

#include <hdf5_walk.hpp>

#include <nyala/core/ops.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/hdf5/writer.hpp>

namespace {

using namespace nyala;

class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}

  void tree(const std::string& path, int depth) {
    writer.add_group(path);
    const int datasets = chance(0.1) ? upto(600) : upto(6);
    for (int i = 0; i < datasets; ++i) {
      const std::string name = path + "/d" + std::to_string(i);
      const Tensor value = tensor();
      writer.add(name, value);
      all.emplace_back(name, value);
      if (chance(0.3)) attributes(name);
    }
    attributes(path.empty() ? "/" : path);
    for (int i = 0; depth < 4 && i < upto(4); ++i) tree(path + "/g" + std::to_string(i), depth + 1);
  }

  saving::hdf5::Writer writer;
  saving::NamedTensors all;

 private:
  int upto(int most) { return static_cast<int>(random_() % static_cast<unsigned>(most)); }
  bool chance(double share) { return upto(1000) < static_cast<int>(share * 1000); }

  std::string text() {
    static const char* const kParts[] = {"a", "bc", "/", "é", "漢", " ", "z"};
    std::string text;
    for (int i = upto(chance(0.02) ? 30'000 : 30); i >= 0; --i) text += kParts[upto(7)];
    return text;
  }

  Tensor tensor() {
    static constexpr DType kDTypes[] = {bool_, uint8, int32, int64, float32, float64};
    std::vector<std::int64_t> sizes;
    for (int i = upto(5); i > 0; --i) sizes.push_back(chance(0.05) ? 0 : 1 + upto(8));
    const Shape shape(sizes);
    const Tensor values = ops::reshape(ops::arange(0, shape.num_elements()), shape);
    const Tensor cast = ops::cast(values - upto(5), kDTypes[upto(6)]);
    return shape.rank() > 1 && chance(0.3) ? ops::transpose(cast) : cast;
  }

  void attributes(const std::string& path) {
    for (int i = upto(chance(0.1) ? 40 : 4); i > 0; --i) {
      const std::string name = "t" + std::to_string(i);
      if (chance(0.4)) {
        const std::string value = text();
        writer.set_attribute(path, name, value);
        all.emplace_back(path + "@" + name, testing::text_tensor({value}));
      } else if (chance(0.5)) {
        const Tensor value = tensor();
        writer.set_attribute(path, name, value);
        all.emplace_back(path + "@" + name, value);
      } else {
        std::vector<std::string> texts;
        for (int k = upto(4); k >= 0; --k) texts.push_back("x" + std::to_string(upto(1'000'000)));
        writer.set_attribute(path, name, texts);
        all.emplace_back(path + "@" + name, testing::text_tensor(texts));
      }
    }
  }

  std::mt19937 random_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: hdf5_make SEED OUT.h5 OUT.npz\n";
    return 2;
  }
  try {
    Maker maker(static_cast<unsigned>(std::stoul(argv[1])));
    maker.tree("", 0);
    maker.all.emplace_back("end", Tensor::scalar(1, int32));  // an archive needs a member
    saving::write_pieces(argv[2], maker.writer.pieces());
    saving::save_npz(argv[3], maker.all);
    return 0;
  } catch (const Error& error) {
    std::cerr << "nyala: " << error.what() << '\n';
    return 1;
  }
}

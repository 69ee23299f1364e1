// Reads everything in an HDF5 file and writes it to an npz file, for hdf5_property.py; without a
// second argument it only reads.
#include <iostream>

#include <hdf5_walk.hpp>

int main(int argc, char** argv) {
  using namespace nyala;
  if (argc < 2) return 2;
  try {
    const saving::hdf5::File file(argv[1]);
    saving::NamedTensors all;
    testing::walk(file.root(), all);
    if (argc > 2 && !all.empty()) saving::save_npz(argv[2], all);
    std::cout << all.size() << " read\n";
    return 0;
  } catch (const Error& error) {
    std::cerr << "nyala: " << error.what() << '\n';
    return 1;
  }
}

// Fields of file names, against what Python's str.format gave.
#include <limits>

#include <doctest/doctest.h>

#include <nyala/core/error.hpp>
#include <nyala/models/callbacks/python_format.hpp>

using namespace nyala;
using callbacks::detail::python_format;

namespace {

std::string filled(const std::string& pattern) {
  return python_format(pattern,
                       {{"epoch", std::int64_t{7}},
                        {"many", std::int64_t{-1234567}},
                        {"loss", 0.123456789},
                        {"big", 1234567.891},
                        {"nan", std::numeric_limits<double>::quiet_NaN()}});
}

}  // namespace

TEST_CASE("fields are filled in as Python does") {
  const std::pair<const char*, const char*> cases[] = {
      {"plain", "plain"},
      {"{epoch}", "7"},
      {"{epoch:02d}", "07"},
      {"{epoch:03}", "007"},
      {"{epoch:>5}|", "    7|"},
      {"{epoch:<5d}|", "7    |"},
      {"{epoch:^5d}|", "  7  |"},
      {"{epoch:*^6d}", "**7***"},
      {"{epoch:+d}", "+7"},
      {"{epoch: d}", " 7"},
      {"{epoch:.1f}", "7.0"},
      {"{epoch:%}", "700.000000%"},
      {"{many:,}", "-1,234,567"},
      {"{many:_d}", "-1_234_567"},
      {"{many:012d}", "-00001234567"},
      {"{loss}", "0.123456789"},
      {"{loss:.2f}", "0.12"},
      {"{loss:8.3f}|", "   0.123|"},
      {"{loss:<8.3f}|", "0.123   |"},
      {"{loss:08.3f}", "0000.123"},
      {"{loss:.3e}", "1.235e-01"},
      {"{loss:.3E}", "1.235E-01"},
      {"{loss:g}", "0.123457"},
      {"{loss:.2g}", "0.12"},
      {"{loss:.1%}", "12.3%"},
      {"{big:,.2f}", "1,234,567.89"},
      {"{big:e}", "1.234568e+06"},
      {"{big}", "1234567.891"},
      {"{nan:.2f}", "nan"},
      {"{nan}", "nan"},
      {"{{epoch}}", "{epoch}"},
      {"{epoch}-{{}}-{loss:.1f}", "7-{}-0.1"},
      {"{loss:+.1f}", "+0.1"},
      {"{big:15,.1f}|", "    1,234,567.9|"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.first);
    CHECK(filled(one.first) == one.second);
  }
}

TEST_CASE("formats that Python refuses are refused") {
  for (const char* pattern : {"{acc}",
                              "{epoch:.2d}",
                              "{loss:d}",
                              "{epoch",
                              "epoch}",
                              "{epoch:5q}",
                              "{loss:.f}",
                              "{epoch:02dd}"}) {
    CAPTURE(pattern);
    CHECK_THROWS_AS(filled(pattern), ValueError);
  }
  CHECK_THROWS_AS(filled("{epoch:99999999999d}"), ValueError);  // Python would fill a disk
}

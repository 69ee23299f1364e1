#include <cmath>

#include <doctest/doctest.h>

#include <nyala/models/callbacks.hpp>

// The lines are those of Keras 3.15.1's Progbar for the same steps and times.
namespace nyala::callbacks {
namespace {

std::string cells(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "━";
  return text;
}

TEST_CASE("a bar is drawn over what stood there") {
  Progbar bar({.target = 6}, 100.0);
  const std::string first = bar.update(1, {{"accuracy", 0.15625}, {"loss", 2.28612}}, 103.0, false);
  CHECK(first == "\r\x1b[1m1/6\x1b[0m \x1b[32m" + cells(3) + "\x1b[0m\x1b[37m" + cells(17) +
                     "\x1b[0m \x1b[1m15s\x1b[0m 3s/step - accuracy: 0.1562 - loss: 2.2861");
  const std::string second = bar.update(4, {{"accuracy", 0.09375}, {"loss", 5e-4}}, 103.14, false);
  CHECK(second == std::string(70, '\b') + "\r\x1b[1m4/6\x1b[0m \x1b[32m" + cells(13) +
                      "\x1b[0m\x1b[37m" + cells(7) +
                      "\x1b[0m \x1b[1m0s\x1b[0m 47ms/step - accuracy: 0.0938 - loss: 5.0000e-04");
  const std::string last =
      bar.update(6, {{"accuracy", 1}, {"loss", -2}, {"val_loss", 0.1}}, 104.0, true);
  CHECK(last.substr(last.find('\r')) ==
        "\r\x1b[1m6/6\x1b[0m \x1b[32m" + cells(20) + "\x1b[0m\x1b[37m\x1b[0m \x1b[1m4s\x1b[0m " +
            "200ms/step - accuracy: 1.0000 - loss: -2.0000 - val_loss: 0.1000\n");
}

TEST_CASE("what is shorter is filled up") {
  Progbar bar({.target = 2}, 0.0);
  bar.update(1, {{"loss", 12345.678}}, 1.0, false);
  const std::string last = bar.update(2, {{"loss", 1}}, 2.0, true);
  CHECK(last.find("loss: 1.0000    \n") != std::string::npos);
}

TEST_CASE("no more than one drawing in 0.05 s") {
  Progbar bar({.target = 100}, 0.0);
  CHECK(bar.is_due(0.0));
  CHECK_FALSE(bar.update(1, {}, 0.01, false).empty());
  CHECK(bar.update(2, {}, 0.04, false).empty());
  CHECK_FALSE(bar.update(3, {}, 0.07, false).empty());
  CHECK_FALSE(bar.update(100, {}, 0.08, true).empty());
}

TEST_CASE("times") {
  const auto eta = [](std::int64_t current, std::int64_t target, double now) {
    Progbar bar({.target = target}, 0.0);
    const std::string text = bar.update(current, {}, now, false);
    const auto begin = text.rfind("\x1b[1m") + 4;
    return text.substr(begin);
  };
  CHECK(eta(1, 2, 59.5) == "59s\x1b[0m 60s/step");
  CHECK(eta(1, 2, 61) == "1:01\x1b[0m 61s/step");
  CHECK(eta(1, 2, 3725) == "1:02:05\x1b[0m 3725s/step");
  CHECK(eta(10, 20, 0.01) == "0s\x1b[0m 1ms/step");
  CHECK(eta(1000, 2000, 0.01) == "0s\x1b[0m 10us/step");
  CHECK(eta(0, 2, 1) == "0s\x1b[0m 0s/step");
}

TEST_CASE("counters are padded, and a target may be unknown") {
  Progbar many({.target = 100}, 0.0);
  CHECK(many.update(7, {}, 1.0, false).find("\x1b[1m  7/100\x1b[0m") != std::string::npos);
  Progbar unknown({}, 0.0);
  CHECK(unknown.update(7, {}, 1.0, false) == "\r      7/Unknown \x1b[1m1s\x1b[0m 143ms/step");
}

TEST_CASE("one line for each epoch") {
  Progbar bar({.target = 6, .verbose = 2}, 0.0);
  CHECK(bar.update(1, {{"loss", 3}}, 0.1, false).empty());
  CHECK(bar.update(6, {{"accuracy", 0.18229}, {"loss", 2.25396}, {"val_loss", -1}}, 0.2, true) ==
        "6/6 - 0s - 20ms/step - loss: 2.2540 - accuracy: 0.1823 - val_loss: -1.0000e+00\n");
}

TEST_CASE("where the bar cannot move there is one plain line") {
  Progbar bar({.target = 2, .width = 4, .dynamic = false}, 0.0);
  CHECK(bar.update(1, {{"loss", 3}}, 1.0, false).empty());
  CHECK(bar.update(2, {{"loss", 2}}, 3.0, true) == "2/2 ━━━━ 3s 2s/step - loss: 2.0000\n");
}

TEST_CASE("numbers that are none") {
  Progbar bar({.target = 1, .verbose = 2}, 0.0);
  CHECK(bar.update(1, {{"loss", std::nan("")}}, 1.0, true) == "1/1 - 1s - 1s/step - loss: nan\n");
}

}  // namespace
}  // namespace nyala::callbacks

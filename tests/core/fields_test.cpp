#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <type_traits>

#include <nyala/core/fields.hpp>
#include <nyala/core/ops/extents.hpp>
#include <nyala/core/small_vector.hpp>

using namespace nyala;

namespace {

struct BrewArgs {
  Required<int> cups;
  double strength = 0.5;
  std::optional<std::string> bean = {};
  std::vector<int> minutes = {3, 4};
  Shape shape = {2, None};

  static constexpr auto fields() {
    return std::tuple{
        Field{"cups", &BrewArgs::cups, "How many.", Range::at_least(1)},
        Field{"strength", &BrewArgs::strength, "From weak to strong.", Range::from_0_to_1()},
        Field{"bean", &BrewArgs::bean, "Which."},
        Field{"minutes", &BrewArgs::minutes, "How long.", Range::positive()},
        Field{"shape", &BrewArgs::shape, "Of the tray."}};
  }
};

std::string message_of(const auto& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("options become a configuration and come back") {
  BrewArgs args{.cups = 2, .bean = "arabica"};
  Config config;
  fields_to_config(args, config);
  CHECK(
      config.str() ==
      R"({"cups": 2, "strength": 0.5, "bean": "arabica", "minutes": [3, 4], "shape": [2, null]})");
  BrewArgs back = unset_args<BrewArgs>();
  fields_from_config("Brew", config, back);
  Config again;
  fields_to_config(back, again);
  CHECK(again == config);
}

TEST_CASE("missing, unknown, mistyped and out-of-range options are named") {
  BrewArgs args = unset_args<BrewArgs>();
  Config config = Config::dict();
  CHECK(message_of([&] { fields_from_config("Brew", config, args); }) ==
        "Brew: option \"cups\" is missing");
  config["cups"] = 1.5;
  CHECK(message_of([&] { fields_from_config("Brew", config, args); }) ==
        "Brew: option \"cups\" received 1.5, expected an integer");
  config["cups"] = std::int64_t{1} << 40;
  CHECK(message_of([&] { fields_from_config("Brew", config, args); }).find("does not fit") !=
        std::string::npos);
  Config unknown = Config::dict();
  unknown["strenght"] = 1;
  CHECK(message_of([&] { check_keys("Brew", unknown, field_names<BrewArgs>()); }) ==
        "Brew: option \"strenght\" is unknown; did you mean \"strength\"?");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(check_fields("Brew", BrewArgs{.cups = 0}), ValueError);
  CHECK_THROWS_AS(check_fields("Brew", (BrewArgs{.cups = 1, .strength = nan})), ValueError);
  CHECK_THROWS_AS(check_fields("Brew", (BrewArgs{.cups = 1, .minutes = {3, 0}})), ValueError);
  CHECK_NOTHROW(check_fields("Brew", BrewArgs{.cups = 1}));
}

TEST_CASE("a required option is a value or, in braces, the items of one") {
  using Numbers = std::vector<std::int64_t>;
  static_assert(!std::is_default_constructible_v<Required<Numbers>>);
  static_assert(!std::is_constructible_v<Required<int>, double>);
  static_assert(!std::is_constructible_v<Required<int>, bool>);
  static_assert(!std::is_constructible_v<Required<Numbers>, int, double>);
  static_assert(!std::is_constructible_v<Required<std::string>, const char*, const char*>);
  static_assert(!std::is_constructible_v<Required<Extents>, double>);
  const Required<double> whole = 2;
  CHECK(whole.value == 2.0);
  const Required<std::string> text = "abc";
  CHECK(text.value == "abc");
  const Required<Numbers> list = {1, 2}, one = {3}, given = Numbers{4, 5, 6};
  CHECK(list.value == Numbers{1, 2});
  CHECK(one.value == Numbers{3});
  CHECK(given.value.size() == 3);
  const Required<Shape> shape = {None, 4};
  CHECK(shape.value == Shape{None, 4});
  const Required<Extents> all = 3, each = {std::int64_t{2}, std::int64_t{1}};
  CHECK(!all.value.is_list());
  CHECK(each.value.count() == 2);
  CHECK_THROWS_AS(Required<Extents>(std::int64_t{1} << 40), ValueError);
  CHECK_THROWS_AS(Required<std::string>(static_cast<const char*>(nullptr)), ValueError);

  Required<Numbers> unset = Unset{};
  CHECK(!unset.is_set);
  Required<Numbers> copy = unset;
  CHECK(!copy.is_set);
  copy = list;
  CHECK(copy.is_set);
}

TEST_CASE("a configuration says what it holds when it is read as something else") {
  const Config text("abc");
  CHECK(message_of([&] { text.as_int(); }) == "received \"abc\", expected an integer");
  CHECK(Config(3).as_double() == 3.0);
  CHECK_THROWS_AS(Config(3.0).as_int(), TypeError);
  CHECK(Config().find("x") == nullptr);
  CHECK_THROWS_AS(Config::dict().at("x"), IndexError);
  CHECK(Config(1e300).str() == "1e+300");
  CHECK(Config(2.0).str() == "2.0");
}

TEST_CASE("a short list grows, copies and moves") {
  SmallVector<std::string, 2> list{"a", "b"};
  list.push_back("c");
  SmallVector<std::string, 2> copy = list;
  SmallVector<std::string, 2> moved = std::move(list);
  CHECK(copy.size() == 3);
  CHECK(moved[2] == "c");
  moved.resize(1);
  copy = moved;
  CHECK(copy.size() == 1);
  copy = SmallVector<std::string, 2>{"x", "y"};
  CHECK(copy[1] == "y");
}

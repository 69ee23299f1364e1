// Wrong arguments: an exception of the right type with a sentence that names the op.
#include <doctest/doctest.h>

#include <functional>

#include <nyala/core/ops.hpp>

using namespace nyala;
using namespace nyala::ops;

namespace {

struct WrongCall {
  const char* name;
  std::function<Tensor()> call;
};

// Every call must throw E, and say the op's name.
template <class E>
void check_all_throw(const std::vector<WrongCall>& calls) {
  for (const WrongCall& wrong : calls) {
    CAPTURE(wrong.name);
    try {
      wrong.call();
      CHECK_MESSAGE(false, "nothing was thrown");
    } catch (const E& error) {
      const std::string text = error.what();
      CAPTURE(text);
      CHECK(text.find(wrong.name) == 0);
    }
  }
}

const Tensor x = ones({2, 3});
const Tensor vector = ones({4});
const Tensor number = ones({});
const Tensor places = zeros({2}, {.dtype = int64});

}  // namespace

TEST_CASE("axes that do not exist") {
  check_all_throw<IndexError>({
      {"sum", [] { return sum(x, {.axis = 2}); }},
      {"max", [] { return max(x, {.axis = -3}); }},
      {"prod",
       [] {
         return prod(x, {.axis = {0, 5}});
       }},
      {"argmax", [] { return argmax(x, {.axis = 2}); }},
      {"softmax", [] { return softmax(x, {.axis = 2}); }},
      {"log_softmax", [] { return log_softmax(x, {.axis = -3}); }},
      {"logsumexp", [] { return logsumexp(x, {.axis = 2}); }},
      {"cumsum", [] { return cumsum(x, {.axis = 2}); }},
      {"argsort", [] { return sort(x, {.axis = 2}); }},
      {"concatenate",
       [] {
         return concatenate({x, x}, {.axis = 2});
       }},
      {"split", [] { return split(x, 1, {.axis = 2})[0]; }},
      {"take", [] { return take(x, places, {.axis = 2}); }},
      {"take_along_axis", [] { return take_along_axis(x, places, {.axis = 2}); }},
      {"flip", [] { return flip(x, 2); }},
      {"roll", [] { return roll(x, 1, {.axis = 2}); }},
      {"repeat", [] { return repeat(x, 1, {.axis = 2}); }},
      {"expand_dims", [] { return expand_dims(x, 4); }},
      {"squeeze", [] { return squeeze(x, 2); }},
      {"diagonal",
       [] {
         return diagonal(x, 0, {0, 2});
       }},
      {"one_hot", [] { return one_hot(places, 3, {.axis = 2}); }},
      {"glu", [] { return glu(x, {.axis = 2}); }},
      {"tensordot",
       [] {
         return tensordot(x, x, {{2}, {0}});
       }},
  });
}

TEST_CASE("indices that do not exist, or are no integers") {
  const Tensor three = array<int>({0, 3});
  check_all_throw<IndexError>({
      {"take", [&] { return take(x, three, {.axis = 1}); }},
      {"take", [&] { return take(x, three - 7, {.axis = 1}); }},
      {"take",
       [&] {
         return take(zeros({0, 3}), places, {.axis = 0});
       }},
      {"take_along_axis", [&] { return take_along_axis(vector, three * 2, {.axis = 0}); }},
      {"scatter_add", [&] { return scatter_add(three, ones({2}), {3}); }},
      {"slice",
       [] {
         return slice(x, {0, 2}, {2, 2});
       }},
  });
  check_all_throw<TypeError>({
      {"take", [] { return take(x, ones({2}), {.axis = 0}); }},
      {"scatter_add", [] { return scatter_add(ones({2}), ones({2}), {3}); }},
  });
}

TEST_CASE("shapes that do not fit") {
  check_all_throw<ShapeError>({
      {"concatenate",
       [] {
         return concatenate({x, ones({2, 4})});
       }},
      {"concatenate",
       [] {
         return concatenate({x, vector});
       }},
      {"stack",
       [] {
         return stack({x, ones({2, 4})});
       }},
      {"take_along_axis", [] { return take_along_axis(x, places, {.axis = 1}); }},
      {"scatter_add",
       [] {
         return scatter_add(places, ones({2, 5}), {3, 4});
       }},
      {"scatter_add_along_axis", [] { return scatter_add_along_axis(places, ones({3}), {4}); }},
      {"triu", [] { return triu(vector); }},
      {"diag",
       [] {
         return diag(ones({2, 2, 2}));
       }},
      {"matmul", [] { return matmul(x, x); }},
      {"cross", [] { return cross(vector, vector); }},
      {"inv", [] { return inv(x); }},
      {"det", [] { return det(x); }},
      {"cholesky", [] { return cholesky(vector); }},
      {"solve",
       [] {
         return solve(ones({2, 2}), ones({3, 1}));
       }},
      {"segment_sum", [] { return segment_sum(x, zeros({3}, {.dtype = int32})); }},
      {"in_top_k", [] { return in_top_k(places, vector, 1); }},
      {"searchsorted", [] { return searchsorted(x, vector); }},
      {"broadcast_to",
       [] {
         return broadcast_to(x, {2, 4});
       }},
  });
}

TEST_CASE("numbers out of range") {
  check_all_throw<ValueError>({
      {"concatenate", [] { return concatenate({}); }},
      {"stack", [] { return stack({}); }},
      {"split", [] { return split(x, 2, {.axis = 1})[0]; }},
      {"split", [] { return split(x, 0)[0]; }},
      {"pad",
       [] {
         return pad(x, {{1, 1}, {1, 1}, {1, 1}});
       }},
      {"pad",
       [] {
         return pad(x, {{-1, 0}});
       }},
      {"pad",
       [] {
         return pad(x, {{1, 1}}, {.mode = "wrap"});
       }},
      {"pad",
       [] {
         return pad(x, {{3, 0}}, {.mode = "reflect"});
       }},
      {"tile", [] { return tile(x, {-1}); }},
      {"repeat", [] { return repeat(x, -1); }},
      {"repeat",
       [] {
         return repeat(x, {1, 2, 3}, {.axis = 0});
       }},
      {"squeeze", [] { return squeeze(x, 0); }},
      {"sum",
       [] {
         return sum(x, {.axis = {0, -2}});
       }},
      {"transpose",
       [] {
         return transpose(x, {0, 0});
       }},
      {"top_k", [] { return top_k(x, 4).values; }},
      {"top_k", [] { return top_k(number, 0).values; }},
      {"argmin", [] { return argmin(zeros({0})); }},
      {"one_hot", [] { return one_hot(places, -1); }},
      {"diff", [] { return diff(x, -1); }},
      {"glu", [] { return glu(x); }},
      {"normalize", [] { return normalize(x, {.order = 0}); }},
      {"quantile", [] { return quantile(x, array<float>({1.5})); }},
      {"quantile", [] { return quantile(zeros({0}), number); }},
      {"bincount", [] { return bincount(array<int>({-1})); }},
      {"solve",
       [] {
         return inv(zeros({2, 2}));
       }},
      {"cholesky", [] { return cholesky(array<float>({{-1}})); }},
      {"norm",
       [] {
         return norm(ones({2, 2, 2}), {.ord = 1});
       }},
      {"tensordot", [] { return tensordot(x, x, 3); }},
      {"tensordot",
       [] {
         return tensordot(x, x, {{0, 1}, {0}});
       }},
      {"arange", [] { return arange(0, 5, 0); }},
  });
}

TEST_CASE("sizes beyond 64 bits") {
  const std::int64_t huge = std::int64_t{1} << 62;
  check_all_throw<LimitError>({
      {"tile", [&] { return tile(x, {huge}); }},
      {"repeat", [&] { return repeat(x, huge); }},
      {"pad",
       [&] {
         return pad(x, {{2 * (huge - 1), 3}});
       }},
  });
  CHECK_THROWS_AS(reshape(x, {huge, 8}), ShapeError);
}

TEST_CASE("einsum says what is wrong with an expression") {
  for (const char* expression :
       {"ij,jk->ik", "ijk->i", "i->i", "ij->k", "ij->ii", "i1->i", "i.j->i", "..ij->i"}) {
    CAPTURE(expression);
    CHECK_THROWS_AS(einsum(expression, {x}), ValueError);
  }
  CHECK_THROWS_AS(einsum("ii->i", {x}), ShapeError);
  CHECK_THROWS_AS(einsum("ij,jk->ik", {x, x}), ShapeError);
  CHECK_THROWS_AS(einsum("ij,ij->ij", {x, ones({3, 2})}), ShapeError);
}

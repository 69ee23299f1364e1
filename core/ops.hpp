#pragma once
/// `nyala::ops`: what `keras.ops` is in Python. Options come last, in braces: `sum(x, {.axis =
/// 1})`; an axis may also stand where Python has it, `sum(x, 1)`.
#include <nyala/core/ops/arithmetic.hpp>
#include <nyala/core/ops/batch_norm.hpp>
#include <nyala/core/ops/contraction.hpp>
#include <nyala/core/ops/creation.hpp>
#include <nyala/core/ops/crossentropy.hpp>
#include <nyala/core/ops/indexing.hpp>
#include <nyala/core/ops/linalg.hpp>
#include <nyala/core/ops/linear.hpp>
#include <nyala/core/ops/math.hpp>
#include <nyala/core/ops/nn.hpp>
#include <nyala/core/ops/reduce.hpp>
#include <nyala/core/ops/shaping.hpp>

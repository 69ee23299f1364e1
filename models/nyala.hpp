#pragma once
/// All of Nyala.
#include <nyala/autograd/function.hpp>
#include <nyala/autograd/gradient_check.hpp>
#include <nyala/autograd/random.hpp>
#include <nyala/autograd/tape.hpp>
#include <nyala/autograd/variable.hpp>
#include <nyala/core/dtype.hpp>
#include <nyala/core/error.hpp>
#include <nyala/core/log.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/core/parallel.hpp>
#include <nyala/core/shape.hpp>
#include <nyala/core/tensor.hpp>
#include <nyala/layers/layers.hpp>
#include <nyala/models/losses.hpp>
#include <nyala/models/metrics.hpp>
#include <nyala/models/optimizers.hpp>

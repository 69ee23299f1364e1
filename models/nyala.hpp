#pragma once
/// All of Nyala.
#include <nyala/core/dtype.hpp>
#include <nyala/core/error.hpp>
#include <nyala/core/log.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/core/parallel.hpp>
#include <nyala/core/shape.hpp>
#include <nyala/core/tensor.hpp>

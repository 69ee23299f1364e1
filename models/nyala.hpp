#pragma once
/// All of Nyala.
#include <nyala/core/dtype.hpp>
#include <nyala/core/error.hpp>
#include <nyala/core/shape.hpp>

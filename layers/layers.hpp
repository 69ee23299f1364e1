#pragma once
/// Every layer.
#include <nyala/layers/core.hpp>
#include <nyala/layers/layer.hpp>
#include <nyala/layers/merging.hpp>

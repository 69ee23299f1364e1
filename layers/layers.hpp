#pragma once
/// Every layer.
#include <nyala/layers/activation.hpp>
#include <nyala/layers/attention.hpp>
#include <nyala/layers/conv_lstm.hpp>
#include <nyala/layers/convolutional.hpp>
#include <nyala/layers/core.hpp>
#include <nyala/layers/layer.hpp>
#include <nyala/layers/merging.hpp>
#include <nyala/layers/normalization.hpp>
#include <nyala/layers/pooling.hpp>
#include <nyala/layers/preprocessing.hpp>
#include <nyala/layers/recurrent.hpp>
#include <nyala/layers/regularization.hpp>
#include <nyala/layers/reshaping.hpp>
#include <nyala/layers/wrappers.hpp>

#pragma once
/// Layers: the handle that users hold, and the bases that a layer is written on.
///
/// A layer is an Args struct with `fields()` (the options, in Keras's order) and a class on
/// LayerBase<Args> that writes `build` (its weights) and `call`. `using Dense = LayerOf<DenseArgs>`
/// is what users name. There is no shape rule to write: on symbols, `call` runs on abstract
/// tensors.
#include <nyala/layers/base_layer.hpp>
#include <nyala/layers/layer_config.hpp>
#include <nyala/layers/layer_handle.hpp>

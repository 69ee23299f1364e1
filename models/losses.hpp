#pragma once
/// `nyala::losses`: what `keras.losses` is in Python.
///
///   losses::Huber huber({.delta = 0.5});
///   Tensor loss = huber(y_true, y_pred);
///   model.compile({.loss = "sparse_categorical_crossentropy"});
#include <nyala/models/losses/classes.hpp>
#include <nyala/models/losses/functions.hpp>
#include <nyala/models/losses/loss.hpp>

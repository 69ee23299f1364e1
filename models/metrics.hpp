#pragma once
/// `nyala::metrics`: what `keras.metrics` is in Python.
///
///   metrics::Precision precision({.thresholds = 0.5});
///   precision.update_state(y_true, y_pred);
///   float value = precision.result().item<float>();
#include <nyala/models/metrics/classes.hpp>
#include <nyala/models/metrics/functions.hpp>
#include <nyala/models/metrics/metric.hpp>

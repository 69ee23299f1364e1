#pragma once
/// The metrics of Keras. Options stand in Keras's order.
#include <nyala/models/metrics/confusion_metrics.hpp>
#include <nyala/models/metrics/mean_metrics.hpp>
#include <nyala/models/metrics/score_metrics.hpp>

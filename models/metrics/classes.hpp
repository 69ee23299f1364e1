#pragma once
/// The metrics of Keras. Options stand in Keras's order.
#include <nyala/models/metrics/mean_metrics.hpp>

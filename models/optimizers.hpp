#pragma once
/// `nyala::optimizers`: what `keras.optimizers` is in Python.
#include <nyala/models/optimizers/classes.hpp>
#include <nyala/models/optimizers/optimizer.hpp>
#include <nyala/models/optimizers/schedules.hpp>

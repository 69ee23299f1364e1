#pragma once
/// `nyala::callbacks`: what `keras.callbacks` is in Python.
///
///   model.fit(x, y, {.epochs = 100,
///                    .callbacks = {callbacks::EarlyStopping({.patience = 3})},
///                    .validation_split = 0.2});
#include <nyala/models/callbacks/backup_and_restore.hpp>
#include <nyala/models/callbacks/callback.hpp>
#include <nyala/models/callbacks/csv_logger.hpp>
#include <nyala/models/callbacks/history.hpp>
#include <nyala/models/callbacks/model_checkpoint.hpp>
#include <nyala/models/callbacks/monitor.hpp>
#include <nyala/models/callbacks/progbar.hpp>
#include <nyala/models/callbacks/progbar_logger.hpp>
#include <nyala/models/callbacks/small.hpp>

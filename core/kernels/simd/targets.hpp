#pragma once
/// The instruction sets that kernels are compiled for, if no -D says; before <hwy/highway.h>.
#ifndef HWY_DISABLED_TARGETS  // these differ too little from others to be worth their compile time
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#endif

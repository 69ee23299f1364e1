#pragma once
/// To be included before <hwy/highway.h>: the instruction sets that kernels are compiled for,
/// beside the compiler's own baseline. Those left out differ too little to be worth their compile
/// time.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)

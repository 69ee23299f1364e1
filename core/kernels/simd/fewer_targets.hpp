#pragma once
/// The instruction sets of kernels that gain little from SSE4 beside SSE2, if no -D says; before
/// <hwy/highway.h>. Each set of them is a part of every program.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#endif

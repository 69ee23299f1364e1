#pragma once
/// Loops over registers must be unrolled before the compiler decides what to keep in them.
#ifdef __clang__
#define NYALA_UNROLL _Pragma("clang loop unroll(full)")
#else
#define NYALA_UNROLL _Pragma("GCC unroll 16")
#endif

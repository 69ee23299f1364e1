#include <nyala/core/kernels/recurrent_loops.hpp>
#include <nyala/core/kernels/simd/targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/recurrent.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/math-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// Off by at most 1e-7, and of float quicker than a sigmoid that is right for tiny results: below
// -87 it stays what it is there.
template <class D, class V>
HWY_INLINE V gate_sigmoid(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 8) {
    return sigmoid(d, x);
  } else {
    const V one = constant(d, 1), bounded = at_least(d, at_most(d, x, 87), -87);
    const PowerParts<V> parts = power_parts(d, bounded, -kExponentOfTwice / 2);
    return quotient(d, one, hn::MulAdd(parts.power, parts.rest, hn::Add(parts.power, one)));
  }
}

template <Gate gate, class D, class V>
HWY_INLINE V activate(D d, V x) {
  if constexpr (gate == Gate::relu)
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Zero(d), x);
  else if constexpr (gate == Gate::tanh)
    return tanh(d, x);
  else if constexpr (gate == Gate::sigmoid)
    return gate_sigmoid(d, x);
  else if constexpr (gate == Gate::hard_sigmoid) {
    const V shifted = hn::Add(x, constant(d, 3));
    const V bounded = at_most(d, at_least(d, shifted, 0), 6);
    return hn::Div(bounded, constant(d, 6));
  } else
    return x;
}

// dy times the derivative, from the activation's value.
template <Gate gate, class D, class V>
HWY_INLINE V gate_gradient(D d, V dy, V y) {
  const V zero = hn::Zero(d), one = constant(d, 1);
  if constexpr (gate == Gate::relu)
    return hn::IfThenElseZero(hn::Gt(y, zero), dy);
  else if constexpr (gate == Gate::tanh)
    return hn::Mul(dy, hn::NegMulAdd(y, y, one));
  else if constexpr (gate == Gate::sigmoid)
    return hn::Mul(dy, hn::Mul(y, hn::Sub(one, y)));
  else if constexpr (gate == Gate::hard_sigmoid) {
    const auto inside = hn::And(hn::Gt(y, zero), hn::Lt(y, one));
    return hn::IfThenElseZero(inside, hn::Div(dy, constant(d, 6)));
  } else
    return dy;
}

template <class F>
HWY_INLINE void with_gate(Gate gate, F&& f) {
  switch (gate) {
    case Gate::linear: return f.template operator()<Gate::linear>();
    case Gate::relu: return f.template operator()<Gate::relu>();
    case Gate::tanh: return f.template operator()<Gate::tanh>();
    case Gate::sigmoid: return f.template operator()<Gate::sigmoid>();
    case Gate::hard_sigmoid: return f.template operator()<Gate::hard_sigmoid>();
  }
}

// The rows of one step, typed.
template <class T>
struct Rows {
  const RecurrentStep& s;
  std::int64_t n = s.plan->units, width = s.plan->width(), saved = s.plan->saved_width();

  static const T* at(const void* p, std::int64_t offset) {
    return p == nullptr ? nullptr : static_cast<const T*>(p) + offset;
  }
  static T* at(void* p, std::int64_t offset) {
    return p == nullptr ? nullptr : static_cast<T*>(p) + offset;
  }
  bool is_masked(std::int64_t row) const { return s.mask != nullptr && !s.mask[row]; }
};

template <class T>
void copy_row(const T* from, T* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = from[i];
}
template <class T>
void clear_row(T* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = T{0};
}
template <class T>
void add_row(const T* from, T* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] += from[i];
}

// to = activation(x + inner)
template <class T>
void activate_sum(Gate gate, const T* x, const T* inner, T* to, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const auto zero = hn::Zero(d);
  with_gate(gate, [&]<Gate g>() HWY_ATTR {
    each_part(d, n, [&](auto part, std::int64_t i) HWY_ATTR {
      const auto sum = hn::Add(part.load(x + i, zero), part.load(inner + i, zero));
      part.store(activate<g>(d, sum), to + i);
    });
  });
}

template <class T>
void simple_forward(const RecurrentStep& step) {
  const Rows<T> r{step};
  for (std::int64_t row = 0; row < step.rows; ++row) {
    const std::int64_t at = row * r.n;
    if (r.is_masked(row))
      copy_row(r.at(step.h_before, at), r.at(step.h, at), r.n);
    else
      activate_sum(
          step.plan->activation, r.at(step.x, at), r.at(step.inner, at), r.at(step.h, at), r.n);
  }
}

template <class T>
void simple_backward(const RecurrentStep& step) {
  const Rows<T> r{step};
  const hn::ScalableTag<T> d;
  const auto zero = hn::Zero(d);
  for (std::int64_t row = 0; row < step.rows; ++row) {
    const std::int64_t at = row * r.n;
    T* dh = r.at(step.dh, at);
    T* dx = r.at(step.dx, at);
    add_row(r.at(step.dh_out, at), dh, r.n);
    if (r.is_masked(row)) {
      clear_row(dx, r.n);
      continue;
    }
    const T* h = r.at(static_cast<const void*>(step.h), at);
    with_gate(step.plan->activation, [&]<Gate g>() HWY_ATTR {
      each_part(d, r.n, [&](auto part, std::int64_t i) HWY_ATTR {
        const auto dz = gate_gradient<g>(d, part.load(dh + i, zero), part.load(h + i, zero));
        part.store(dz, dx + i);
        part.store(zero, dh + i);
      });
    });
  }
}

template <class T>
void lstm_row(const RecurrentPlan& plan,
              const T* x,
              const T* inner,
              const T* c_before,
              T* gates,
              T* c,
              T* h) {
  const std::int64_t n = plan.units;
  activate_sum(plan.recurrent_activation, x, inner, gates, 2 * n);
  activate_sum(plan.activation, x + 2 * n, inner + 2 * n, gates + 2 * n, n);
  activate_sum(plan.recurrent_activation, x + 3 * n, inner + 3 * n, gates + 3 * n, n);
  const hn::ScalableTag<T> d;
  const auto zero = hn::Zero(d);
  with_gate(plan.activation, [&]<Gate g>() HWY_ATTR {
    each_part(d, n, [&](auto part, std::int64_t i) HWY_ATTR {
      const auto in = hn::Mul(part.load(gates + i, zero), part.load(gates + 2 * n + i, zero));
      const auto sum =
          hn::MulAdd(part.load(gates + n + i, zero), part.load(c_before + i, zero), in);
      part.store(sum, c + i);
      part.store(hn::Mul(part.load(gates + 3 * n + i, zero), activate<g>(d, sum)), h + i);
    });
  });
}

template <class T>
void lstm_forward(const RecurrentStep& step) {
  const Rows<T> r{step};
  for (std::int64_t row = 0; row < step.rows; ++row) {
    const std::int64_t at = row * r.n, wide = row * r.width;
    T* gates = r.at(step.saved, row * r.saved);
    if (r.is_masked(row)) {
      copy_row(r.at(step.h_before, at), r.at(step.h, at), r.n);
      copy_row(r.at(step.c_before, at), r.at(step.c, at), r.n);
      clear_row(gates, r.saved);
    } else {
      lstm_row<T>(*step.plan,
                  r.at(step.x, wide),
                  r.at(step.inner, wide),
                  r.at(step.c_before, at),
                  gates,
                  r.at(step.c, at),
                  r.at(step.h, at));
    }
  }
}

// dh and dh_out are the gradient of h, dc of c, by then of the c before.
template <class T>
void lstm_row_backward(const RecurrentPlan& plan,
                       const T* gates,
                       const T* c_before,
                       const T* c,
                       const T* dh_out,
                       T* dh,
                       T* dc,
                       T* dx) {
  const std::int64_t n = plan.units;
  const hn::ScalableTag<T> d;
  const auto zero = hn::Zero(d);
  with_gate(plan.activation, [&]<Gate a>() HWY_ATTR {
    with_gate(plan.recurrent_activation, [&]<Gate b>() HWY_ATTR {
      each_part(d, n, [&](auto part, std::int64_t i) HWY_ATTR {
        const auto in = part.load(gates + i, zero), forget = part.load(gates + n + i, zero);
        const auto g = part.load(gates + 2 * n + i, zero);
        const auto out = part.load(gates + 3 * n + i, zero);
        const auto y = activate<a>(d, part.load(c + i, zero));
        const auto own = hn::Add(part.load(dh + i, zero), part.load(dh_out + i, zero));
        const auto of_c =
            hn::Add(part.load(dc + i, zero), gate_gradient<a>(d, hn::Mul(own, out), y));
        part.store(gate_gradient<b>(d, hn::Mul(of_c, g), in), dx + i);
        part.store(gate_gradient<b>(d, hn::Mul(of_c, part.load(c_before + i, zero)), forget),
                   dx + n + i);
        part.store(gate_gradient<a>(d, hn::Mul(of_c, in), g), dx + 2 * n + i);
        part.store(gate_gradient<b>(d, hn::Mul(own, y), out), dx + 3 * n + i);
        part.store(hn::Mul(of_c, forget), dc + i);
        part.store(zero, dh + i);
      });
    });
  });
}

template <class T>
void lstm_backward(const RecurrentStep& step) {
  const Rows<T> r{step};
  for (std::int64_t row = 0; row < step.rows; ++row) {
    const std::int64_t at = row * r.n;
    T* dh = r.at(step.dh, at);
    T* dc = r.at(step.dc, at);
    T* dx = r.at(step.dx, row * r.width);
    if (step.dc_out != nullptr) add_row(r.at(step.dc_out, at), dc, r.n);
    if (r.is_masked(row)) {
      add_row(r.at(step.dh_out, at), dh, r.n);
      clear_row(dx, r.width);
    } else {
      lstm_row_backward<T>(*step.plan,
                           r.at(static_cast<const void*>(step.saved), row * r.saved),
                           r.at(step.c_before, at),
                           r.at(static_cast<const void*>(step.c), at),
                           r.at(step.dh_out, at),
                           dh,
                           dc,
                           dx);
    }
  }
}

template <class T>
void gru_row(
    const RecurrentPlan& plan, const T* x, const T* inner, const T* h_before, T* saved, T* h) {
  const std::int64_t n = plan.units;
  activate_sum(plan.recurrent_activation, x, inner, saved, 2 * n);
  const hn::ScalableTag<T> d;
  const auto zero = hn::Zero(d);
  with_gate(plan.activation, [&]<Gate g>() HWY_ATTR {
    each_part(d, n, [&](auto part, std::int64_t i) HWY_ATTR {
      const auto z = part.load(saved + i, zero), reset = part.load(saved + n + i, zero);
      const auto of_h = part.load(inner + 2 * n + i, zero);
      const auto candidate =
          activate<g>(d, hn::MulAdd(reset, of_h, part.load(x + 2 * n + i, zero)));
      const auto before = part.load(h_before + i, zero);
      part.store(candidate, saved + 2 * n + i);
      part.store(of_h, saved + 3 * n + i);
      part.store(hn::MulAdd(z, hn::Sub(before, candidate), candidate), h + i);
    });
  });
}

template <class T>
void gru_forward(const RecurrentStep& step) {
  const Rows<T> r{step};
  for (std::int64_t row = 0; row < step.rows; ++row) {
    const std::int64_t at = row * r.n, wide = row * r.width;
    T* saved = r.at(step.saved, row * r.saved);
    if (r.is_masked(row)) {
      copy_row(r.at(step.h_before, at), r.at(step.h, at), r.n);
      clear_row(saved, r.saved);
      continue;
    }
    gru_row<T>(*step.plan,
               r.at(step.x, wide),
               r.at(step.inner, wide),
               r.at(step.h_before, at),
               saved,
               r.at(step.h, at));
  }
}

template <class T>
void gru_row_backward(const RecurrentPlan& plan,
                      const T* saved,
                      const T* h_before,
                      const T* dh_out,
                      T* dh,
                      T* dx,
                      T* dinner) {
  const std::int64_t n = plan.units;
  const hn::ScalableTag<T> d;
  const auto zero = hn::Zero(d), one = constant(d, 1);
  with_gate(plan.activation, [&]<Gate a>() HWY_ATTR {
    with_gate(plan.recurrent_activation, [&]<Gate b>() HWY_ATTR {
      each_part(d, n, [&](auto part, std::int64_t i) HWY_ATTR {
        const auto z = part.load(saved + i, zero), reset = part.load(saved + n + i, zero);
        const auto candidate = part.load(saved + 2 * n + i, zero);
        const auto of_h = part.load(saved + 3 * n + i, zero);
        const auto own = hn::Add(part.load(dh + i, zero), part.load(dh_out + i, zero));
        const auto difference = hn::Sub(part.load(h_before + i, zero), candidate);
        const auto dz = gate_gradient<b>(d, hn::Mul(own, difference), z);
        const auto dc = gate_gradient<a>(d, hn::Mul(own, hn::Sub(one, z)), candidate);
        const auto dr = gate_gradient<b>(d, hn::Mul(dc, of_h), reset);
        part.store(dz, dx + i);
        part.store(dr, dx + n + i);
        part.store(dc, dx + 2 * n + i);
        part.store(dz, dinner + i);
        part.store(dr, dinner + n + i);
        part.store(hn::Mul(dc, reset), dinner + 2 * n + i);
        part.store(hn::Mul(own, z), dh + i);
      });
    });
  });
}

template <class T>
void gru_backward(const RecurrentStep& step) {
  const Rows<T> r{step};
  for (std::int64_t row = 0; row < step.rows; ++row) {
    const std::int64_t at = row * r.n, wide = row * r.width;
    T* dh = r.at(step.dh, at);
    T* dx = r.at(step.dx, wide);
    T* dinner = r.at(step.dinner, wide);
    if (r.is_masked(row)) {
      add_row(r.at(step.dh_out, at), dh, r.n);
      clear_row(dx, r.width);
      clear_row(dinner, r.width);
    } else {
      gru_row_backward<T>(*step.plan,
                          r.at(static_cast<const void*>(step.saved), row * r.saved),
                          r.at(step.h_before, at),
                          r.at(step.dh_out, at),
                          dh,
                          dx,
                          dinner);
    }
  }
}

template <class T>
RecurrentLoops loops_of(RecurrentCell cell) {
  switch (cell) {
    case RecurrentCell::lstm: return {lstm_forward<T>, lstm_backward<T>};
    case RecurrentCell::gru: return {gru_forward<T>, gru_backward<T>};
    case RecurrentCell::simple: break;
  }
  return {simple_forward<T>, simple_backward<T>};
}

RecurrentLoops find_recurrent(DType dtype, RecurrentCell cell) {
  return select_float(dtype, loops_of<float>(cell), loops_of<double>(cell));
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_recurrent);

RecurrentLoops recurrent_loops(DType dtype, RecurrentCell cell) {
  return HWY_DYNAMIC_DISPATCH(find_recurrent)(dtype, cell);
}

}  // namespace nyala::kernels
#endif

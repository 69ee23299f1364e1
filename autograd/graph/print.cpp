// A program as text.
#include <iomanip>
#include <ostream>
#include <sstream>

#include <nyala/autograd/graph/program_state.hpp>

namespace nyala::graph {
namespace {

using Base = MemorySlot::Base;

std::string human(std::int64_t bytes) {
  std::ostringstream text;
  if (bytes < 4096)
    text << bytes << " B";
  else
    text << std::fixed << std::setprecision(1) << static_cast<double>(bytes) / 1024 << " KiB";
  return text.str();
}

std::int64_t bytes_of(const Spec& spec) {
  return spec.shape.num_elements() * static_cast<std::int64_t>(size_of(spec.dtype));
}

class Printer {
 public:
  Printer(const Tape& tape, const Plan& plan, std::ostream& out)
      : tape_(tape), plan_(plan), out_(out) {}

  void run() {
    put_sources();
    for (const Group& group : plan_.groups) put_group(group);
    for (const Assignment& assignment : plan_.assignments) {
      const Variable& variable = plan_.variables[assignment.variable];
      out_ << variable.path() << " = %" << assignment.value
           << (assignment.in_place ? ", written in place\n" : ", copied\n");
    }
    for (const char* comma = "return "; ValueId id : tape_.outputs)
      out_ << std::exchange(comma, ", ") << '%' << id;
    out_ << (tape_.outputs.empty() ? "" : "\n");
  }

 private:
  void put_sources() {
    std::vector<bool> used(tape_.values.size());
    for (const Step& step : tape_.steps) {
      for (ValueId id : step.inputs) used[static_cast<std::size_t>(id)] = true;
    }
    for (std::size_t i = 0; i < tape_.values.size(); ++i) {
      const Value& value = tape_.values[i];
      if (!used[i] || value.kind == Value::Kind::step) continue;
      out_ << '%' << i << ": " << value.spec.dtype << value.spec.shape << " = ";
      switch (value.kind) {
        case Value::Kind::input: out_ << "input " << value.input; break;
        case Value::Kind::variable: out_ << "variable " << value.variable.path(); break;
        default:
          if (value.constant.size() == 1)
            out_ << to_string(value.constant);
          else
            out_ << "constant";
      }
      out_ << '\n';
    }
  }

  void put_group(const Group& group) {
    std::int64_t bytes = 0;
    for (std::size_t i : group.steps) bytes += traffic(tape_.steps[i]);
    const bool is_loop = group.kind != Group::Kind::single && group.steps.size() > 1;
    if (is_loop && group.kind == Group::Kind::small) {
      out_ << "small arrays, one after another, " << human(bytes) << ":\n";
    } else if (is_loop) {
      out_ << "fused loop over (" << group.rows << ", " << group.columns << ") in tiles of ("
           << group.tile_rows << ", " << group.tile_columns << "), " << human(bytes) << ":\n";
    }
    for (std::size_t i : group.steps) {
      out_ << (is_loop ? "  " : "");
      put_step(tape_.steps[i]);
      if (!is_loop) out_ << ", " << human(bytes);
      out_ << '\n';
    }
  }

  // Bytes that a step reads and writes outside the tiles' scratch.
  std::int64_t traffic(const Step& step) const {
    std::int64_t bytes = 0;
    const auto add = [&](ValueId id) {
      if (plan_.slot(plan_.root(id)).base != Base::scratch) bytes += bytes_of(tape_[id].spec);
    };
    for (ValueId id : step.inputs) add(id);
    for (ValueId id : step.outputs) add(id);
    return bytes;
  }

  void put_step(const Step& step) {
    for (const char* comma = ""; ValueId id : step.outputs) {
      out_ << std::exchange(comma, ", ") << '%' << id << ": " << tape_[id].spec.dtype
           << tape_[id].spec.shape;
    }
    out_ << " = " << step.op.def().name << '(';
    for (const char* comma = ""; ValueId id : step.inputs) {
      out_ << std::exchange(comma, ", ");
      put_value(id);
    }
    out_ << ')';
    const Config config = step.op.def().config(step.op.options());
    if (config.size() > 0) out_ << ' ' << config.str();
    for (ValueId id : step.outputs) put_slot(id);
  }

  // A view is named by its root: %3~ is a view of %3.
  void put_value(ValueId id) {
    const ValueId root = plan_.root(id);
    out_ << '%' << root << (root == id ? "" : "~");
  }

  void put_slot(ValueId id) {
    const MemorySlot& slot = plan_.slot(plan_.root(id));
    switch (slot.base) {
      case Base::arena:
        out_ << " -> arena[" << slot.offset << ':' << slot.offset + bytes_of(tape_[id].spec) << ']';
        break;
      case Base::scratch: out_ << " -> tile " << slot.index; break;
      case Base::variable: out_ << " -> " << plan_.variables[slot.index].path(); break;
      case Base::output: out_ << " -> output"; break;
      default: break;
    }
  }

  const Tape& tape_;
  const Plan& plan_;
  std::ostream& out_;
};

}  // namespace

void Program::print(std::ostream& out) const {
  const ProgramStats all = stats();
  out << all.num_steps << " ops of " << all.num_traced << " traced, in " << all.num_units
      << " groups, arena of " << human(all.arena_bytes) << '\n';
  Printer(state().tape, state().plan, out).run();
}

}  // namespace nyala::graph

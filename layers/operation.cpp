#include <nyala/layers/operation.hpp>

#include <nyala/core/error.hpp>
#include <nyala/layers/operation_defs.hpp>

namespace nyala {

Operation::Operation(const OperationDef& def,
                     Config options,
                     const Arguments& call,
                     const std::string& name)
    : def_(def), options_(std::move(options)), values_(bind_parameters(def, options_, call)) {
  start(def.name, name, {}, true);
  built_ = true;
}

std::vector<Tensor> Operation::call_all(Inputs<Tensor> inputs, const CallArgs&) {
  try {
    return def_.run(def_, values_, inputs);
  } catch (const IndexError& error) {
    throw IndexError(label() + ": " + error.what());
  } catch (const TypeError& error) {
    throw TypeError(label() + ": " + error.what());
  } catch (const ShapeError& error) {
    throw ShapeError(label() + ": " + error.what());
  } catch (const ValueError& error) {
    throw ValueError(label() + ": " + error.what());
  }
}

Config Operation::get_config() const {
  Config config = Config::dict();
  config["name"] = name();
  for (const auto& [key, value] : options_.as_dict()) config[key] = value;
  return config;
}

std::string Operation::keras_module() const { return "keras.src.ops." + def_.module; }

Operand::Operand(Symbol symbol) : value_(std::move(symbol)) {}
Operand::Operand(Tensor tensor) : value_(std::move(tensor)) {}
Operand::Operand(Scalar number) : value_(number) {}
Operand::Operand(const Operand& other) = default;
Operand::Operand(Operand&& other) noexcept = default;
Operand& Operand::operator=(const Operand& other) = default;
Operand& Operand::operator=(Operand&& other) noexcept = default;
Operand::~Operand() = default;

bool is_operation_class(const std::string& class_name) {
  return find_operation(class_name) != nullptr;
}

std::vector<Symbol> call_operation(const std::string& class_name,
                                   const std::vector<Symbol>& symbols,
                                   Arguments call,
                                   const Config& options,
                                   const std::string& name) {
  const OperationDef* def = find_operation(class_name);
  if (def == nullptr)
    throw ValueError("operation \"" + class_name.substr(0, 200) + "\" is unknown");
  const auto operation = std::make_shared<Operation>(*def, options, call, name);
  return operation->apply(std::move(call), symbols);
}

}  // namespace nyala

#pragma once
/// What Keras calls a serializable object: an initializer, a loss, an optimizer. Each has a class
/// name and a configuration, is given by itself or by name, and comes back from JSON.
#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nyala/core/args_from_config.hpp>
#include <nyala/core/fields.hpp>
#include <nyala/core/text.hpp>

#pragma GCC visibility push(default)

namespace nyala {

class Object {
 public:
  virtual ~Object() = default;
  /// "GlorotUniform"
  virtual std::string class_name() const = 0;
  /// "keras.initializers"
  virtual std::string module() const = 0;
  virtual Config get_config() const = 0;
  /// "package>Name" for a class of the user's own, empty for Keras's.
  virtual std::string registered_name() const { return {}; }
};

/// Keras 3's form: {"module", "class_name", "config", "registered_name"}; null for none.
Config serialize_object(const Object* object);

/// An object made from an Args struct with `fields()`. `Self` has `static constexpr const char*
/// kName`.
template <class Base, class Args, class Self>
class ObjectBase : public Base {
 public:
  using args_type = Args;
  explicit ObjectBase(Args args) : args_(std::move(args)) { check_fields(Self::kName, args_); }
  std::string class_name() const override { return Self::kName; }
  Config get_config() const override {
    Config config = Config::dict();
    fields_to_config(args_, config);
    return config;
  }
  const Args& args() const { return args_; }

  static std::shared_ptr<Base> from_config(const Config& config) {
    return std::make_shared<Self>(args_from_config<Args>(Self::kName, config));
  }

 protected:
  Args args_;
};

namespace detail {

/// An ObjectRegistry without its type.
class AnyRegistry {
 public:
  using Make = std::function<std::shared_ptr<Object>(const Config& config)>;
  struct Entry {
    std::vector<std::string> names;  ///< the class name first, then aliases
    Make make;
  };

  AnyRegistry(std::string kind, std::vector<Entry> entries);
  AnyRegistry(const AnyRegistry&) = delete;
  AnyRegistry& operator=(const AnyRegistry&) = delete;
  ~AnyRegistry();

  const std::string& kind() const { return kind_; }
  /// Throws ValueError for an entry without a name or a function.
  void add(Entry entry);
  /// Null when unknown. What it points to lives as long as the registry.
  const Make* find(std::string_view name) const;
  std::vector<std::string> names() const;

 protected:
  std::shared_ptr<Object> any_from_name(std::string_view name) const;
  std::shared_ptr<Object> any_from_config(const Config& config) const;

 private:
  struct Entries;
  std::shared_ptr<Object> make(std::string_view name, const Config& config) const;

  std::string kind_;
  std::unique_ptr<Entries> entries_;
};

}  // namespace detail

/// The classes of one kind, by name and alias: an explicit list plus what the program registers.
template <class Base>
class ObjectRegistry : public detail::AnyRegistry {
 public:
  /// `kind` names it in messages: "initializer".
  using AnyRegistry::AnyRegistry;

  /// With default options; throws ValueError for an unknown name, with the nearest one.
  std::shared_ptr<Base> from_name(std::string_view name) const {
    return std::static_pointer_cast<Base>(any_from_name(name));
  }
  /// From null (gives none), a name, or {"class_name", "config"} as Keras 2 and 3 write it.
  std::shared_ptr<Base> from_config(const Config& config) const {
    return std::static_pointer_cast<Base>(any_from_config(config));
  }
};

namespace detail {
[[noreturn]] void throw_empty_handle(const std::string& kind, const char* call);
}

/// A shared handle to an object. `Base` has `static ObjectRegistry<Base>& registry()`. Empty stands
/// for none; what is called on an empty one (a moved-from one too) throws StateError.
template <class Base>
class Handle {
 public:
  Handle() = default;
  Handle(std::nullptr_t) {}
  Handle(const char* name) : Handle(detail::text_of(name)) {}
  Handle(const std::string& name) : object_(Base::registry().from_name(name)) {}
  Handle(std::shared_ptr<Base> object) : object_(std::move(object)) {}

  bool defined() const { return object_ != nullptr; }
  explicit operator bool() const { return defined(); }
  Base* operator->() const { return &at(); }
  Base& operator*() const { return at(); }
  /// Null when empty.
  Base* get() const { return object_.get(); }
  const std::shared_ptr<Base>& shared() const { return object_; }

 protected:
  /// The object; `call` is named when there is none.
  Base& at(const char* call = nullptr) const {
    if (object_ == nullptr) [[unlikely]]
      detail::throw_empty_handle(Base::registry().kind(), call);
    return *object_;
  }

 private:
  std::shared_ptr<Base> object_;
};

template <class Base>
struct ConfigCodec<Handle<Base>> {
  static Config to(const Handle<Base>& handle) { return serialize_object(handle.get()); }
  static Handle<Base> from(const Config& config) { return Base::registry().from_config(config); }
};

/// What may stand alone as Keras's first positional argument, all others at their defaults:
/// `Huber(0.5)` is `Huber({.delta = 0.5})`. Whole numbers stand for floating ones.
template <class T, class Args>
concept FirstArgument = !std::derived_from<T, Args> && (requires(T value) {
  Args{std::move(value)};
} || (std::is_integral_v<T> && !std::is_same_v<T, bool> &&
      requires(double value) { Args{value}; }));

template <class Args, class T>
Args args_from_first(T value) {
  if constexpr (requires { Args{std::move(value)}; })
    return Args{std::move(value)};
  else
    return Args{static_cast<double>(value)};
}

/// The class that users name: `initializers::Constant({.value = 2})`. It is made by the function
/// `make_object(Args)`, found beside the Args.
template <class Base, class Args, class Parent = Handle<Base>>
class HandleOf : public Parent {
 public:
  HandleOf(Args args = unset_args<Args>()) : Parent(make_object(std::move(args))) {}
  template <FirstArgument<Args> T>
  explicit HandleOf(T first) : HandleOf(args_from_first<Args>(std::move(first))) {}
};

}  // namespace nyala

#pragma GCC visibility pop

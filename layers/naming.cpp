#include <nyala/layers/naming.hpp>

#include <cctype>
#include <map>
#include <mutex>
#include <vector>

namespace nyala {
namespace {

std::mutex g_mutex;
std::map<std::string, int, std::less<>> g_counts;
thread_local std::vector<std::string> t_scopes;

bool is_upper(char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; }
bool is_lower(char c) { return std::islower(static_cast<unsigned char>(c)) != 0; }

}  // namespace

std::string to_snake_case(std::string_view class_name) {
  std::string name;
  for (char c : class_name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') name += c;
  }
  // A capital that begins a word: behind any character, before a small letter.
  std::string words;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (i > 0 && is_upper(name[i]) && i + 1 < name.size() && is_lower(name[i + 1])) words += '_';
    words += name[i];
  }
  std::string snake;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0 && is_upper(words[i]) && is_lower(words[i - 1])) snake += '_';
    snake += static_cast<char>(std::tolower(static_cast<unsigned char>(words[i])));
  }
  return snake;
}

std::string unique_name(std::string_view class_name) {
  const std::string name = to_snake_case(class_name);
  const std::lock_guard lock(g_mutex);
  const int count = g_counts[name]++;
  return count == 0 ? name : name + "_" + std::to_string(count);
}

void clear_session() {
  const std::lock_guard lock(g_mutex);
  g_counts.clear();
}

NameScope::NameScope(const std::string& name) { t_scopes.push_back(name); }
NameScope::~NameScope() { t_scopes.pop_back(); }

std::string NameScope::current() {
  std::string path;
  for (const std::string& scope : t_scopes) path += (path.empty() ? "" : "/") + scope;
  return path;
}

}  // namespace nyala

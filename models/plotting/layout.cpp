#include <nyala/models/plotting/layout.hpp>

#include <algorithm>
#include <numeric>

namespace nyala::plotting {
namespace {

constexpr double kRankGap = 36;
constexpr double kItemGap = 28;
constexpr double kBendWidth = 12;
constexpr int kOrderSweeps = 8;
constexpr int kPlaceSweeps = 12;

using Numbers = std::vector<std::size_t>;

// The graph with a point in each rank that an edge passes.
class Layered {
 public:
  explicit Layered(const LayeredGraph& graph) : graph_(graph), size_(graph.items) {
    find_ranks();
    split_edges();
    rank_items_.resize(ranks_.empty() ? 0 : *std::max_element(ranks_.begin(), ranks_.end()) + 1);
    for (std::size_t i = 0; i < ranks_.size(); ++i) rank_items_[ranks_[i]].push_back(i);
  }

  Layout lay_out() {
    order();
    place();
    return result();
  }

 private:
  // The longest path from an item without inputs; these stand right above the first that reads
  // them.
  void find_ranks() {
    const std::size_t count = graph_.items.size();
    std::vector<Numbers> next(count);
    Numbers waiting(count, 0);
    for (const auto& [from, to] : graph_.edges) {
      next[from].push_back(to);
      ++waiting[to];
    }
    ranks_.assign(count, 0);
    Numbers ready;
    for (std::size_t i = 0; i < count; ++i) {
      if (waiting[i] == 0) ready.push_back(i);
    }
    const Numbers sources = ready;
    for (std::size_t at = 0; at < ready.size(); ++at) {
      for (const std::size_t to : next[ready[at]]) {
        ranks_[to] = std::max(ranks_[to], ranks_[ready[at]] + 1);
        if (--waiting[to] == 0) ready.push_back(to);
      }
    }
    for (const std::size_t source : sources) {
      std::size_t first = 0;
      for (const std::size_t to : next[source])
        first = first == 0 ? ranks_[to] : std::min(first, ranks_[to]);
      if (first > 0) ranks_[source] = first - 1;
    }
  }

  void split_edges() {
    bends_.resize(graph_.edges.size());
    above_.resize(ranks_.size());
    below_.resize(ranks_.size());
    for (std::size_t edge = 0; edge < graph_.edges.size(); ++edge) {
      auto [from, to] = graph_.edges[edge];
      for (std::size_t rank = ranks_[from] + 1; rank < ranks_[to]; ++rank) {
        const std::size_t bend = size_.size();
        size_.push_back({kBendWidth, 0});
        ranks_.push_back(rank);
        above_.emplace_back();
        below_.emplace_back();
        bends_[edge].push_back(bend);
        join(from, bend);
        from = bend;
      }
      join(from, to);
    }
  }

  void join(std::size_t from, std::size_t to) {
    below_[from].push_back(to);
    above_[to].push_back(from);
  }

  // Sorts each rank by the mean place of its neighbours in the rank before, down and up in turn.
  void order() {
    std::vector<double> place(size_.size());
    const auto number = [&](const Numbers& rank) {
      for (std::size_t i = 0; i < rank.size(); ++i) place[rank[i]] = static_cast<double>(i);
    };
    for (const Numbers& rank : rank_items_) number(rank);
    for (int sweep = 0; sweep < kOrderSweeps; ++sweep) {
      const bool down = sweep % 2 == 0;
      for (std::size_t i = 1; i < rank_items_.size(); ++i) {
        Numbers& rank = rank_items_[down ? i : rank_items_.size() - 1 - i];
        std::vector<double> wanted(size_.size());
        for (const std::size_t item : rank)
          wanted[item] = mean(down ? above_[item] : below_[item], place, place[item]);
        std::stable_sort(rank.begin(), rank.end(), [&](std::size_t a, std::size_t b) {
          return wanted[a] < wanted[b];
        });
        number(rank);
      }
    }
  }

  static double mean(const Numbers& items, const std::vector<double>& values, double otherwise) {
    if (items.empty()) return otherwise;
    double sum = 0;
    for (const std::size_t item : items) sum += values[item];
    return sum / static_cast<double>(items.size());
  }

  void place() {
    x_.assign(size_.size(), 0);
    for (const Numbers& rank : rank_items_) keep_apart(rank, std::vector<double>(rank.size(), 0));
    for (int sweep = 0; sweep < kPlaceSweeps; ++sweep) {
      const bool down = sweep % 2 == 0;
      for (std::size_t i = 0; i < rank_items_.size(); ++i) {
        const Numbers& rank = rank_items_[down ? i : rank_items_.size() - 1 - i];
        std::vector<double> wanted;
        for (const std::size_t item : rank) {
          Numbers neighbours = down ? above_[item] : below_[item];
          if (neighbours.empty()) neighbours = down ? below_[item] : above_[item];
          wanted.push_back(mean(neighbours, x_, x_[item]));
        }
        keep_apart(rank, wanted);
      }
    }
  }

  // The places nearest to those wanted (least squares) at which nothing overlaps: with the
  // distances taken off, a monotone regression by pooling.
  void keep_apart(const Numbers& rank, const std::vector<double>& wanted) {
    struct Pool {
      double sum;
      double count;
    };
    std::vector<double> offset(rank.size(), 0);
    std::vector<Pool> pools;
    for (std::size_t i = 0; i < rank.size(); ++i) {
      if (i > 0) {
        offset[i] =
            offset[i - 1] + kItemGap + (size_[rank[i - 1]].width + size_[rank[i]].width) / 2;
      }
      pools.push_back({wanted[i] - offset[i], 1});
      while (pools.size() > 1) {
        const Pool last = pools.back();
        Pool& before = pools[pools.size() - 2];
        if (before.sum / before.count <= last.sum / last.count) break;
        before.sum += last.sum;
        before.count += last.count;
        pools.pop_back();
      }
    }
    std::size_t i = 0;
    for (const Pool& pool : pools) {
      for (double left = pool.count; left > 0; --left, ++i)
        x_[rank[i]] = pool.sum / pool.count + offset[i];
    }
  }

  Layout result() const {
    double left = 0;
    double right = 0;
    for (std::size_t i = 0; i < size_.size(); ++i) {
      left = i == 0 ? x_[i] - size_[i].width / 2 : std::min(left, x_[i] - size_[i].width / 2);
      right = i == 0 ? x_[i] + size_[i].width / 2 : std::max(right, x_[i] + size_[i].width / 2);
    }
    std::vector<double> y(rank_items_.size(), 0);
    double top = 0;
    for (std::size_t rank = 0; rank < rank_items_.size(); ++rank) {
      double height = 0;
      for (const std::size_t item : rank_items_[rank])
        height = std::max(height, size_[item].height);
      y[rank] = top + height / 2;
      top += height + kRankGap;
    }
    const auto at = [&](std::size_t item) { return Point{x_[item] - left, y[ranks_[item]]}; };
    Layout layout;
    layout.size = {right - left, std::max(0.0, top - kRankGap)};
    for (std::size_t i = 0; i < graph_.items.size(); ++i) layout.centres.push_back(at(i));
    for (const Numbers& bends : bends_) {
      layout.bends.emplace_back();
      for (const std::size_t bend : bends) layout.bends.back().push_back(at(bend));
    }
    return layout;
  }

  const LayeredGraph& graph_;
  std::vector<Size> size_;
  Numbers ranks_;
  std::vector<Numbers> above_, below_;  // neighbours of each item
  std::vector<Numbers> bends_;          // of each edge
  std::vector<Numbers> rank_items_;
  std::vector<double> x_;
};

}  // namespace

Layout lay_out(const LayeredGraph& graph) { return Layered(graph).lay_out(); }

}  // namespace nyala::plotting

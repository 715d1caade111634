// What the kernels that form a matrix have in common: build it, reduce it, find its spectrum, write results.
#pragma once
#include "cuda/gram/pivots.cuh"
#include "cuda/kernels/emit.cuh"
#include "cuda/kernels/parts.cuh"
#include "cuda/solve/exact.cuh"

namespace saln::device {

// Self offers reduce(g, tile): from the tile to d, e, tau and reflectors in it; and if kIterates, what comes before,
// iterate(g, tile).
template <class Self, class T_, class G_, int kOrder>
class CandidateKernel {
 public:
  using T = T_;
  using G = G_;
  static constexpr int threads = G::threads;
  static constexpr bool kGathers = true;
  using Products = typename Builder<T, G, kOrder>::Products;

  SALN_DEVICE void begin() const { builder_.begin(G(scratch_)); }

  // Says, once it is known, whether there is something to solve. Ends with a barrier.
  template <Part kPart>
  SALN_DEVICE bool run_part(int64_t c) const {
    G g(scratch_);
    if constexpr (kPart == Part::gather) {
      Tile<T> tile{tile_, 0, nullptr, 0, Self::kQuads};
      builder_.gather(g, c, tile);
    }
    if constexpr (kPart == Part::prepare) build<false>(g, c);
    if constexpr (kPart == Part::prepare_columns) build<true>(g, c);
    if constexpr (kPart == Part::iterate) self().iterate(g, tile());
    if constexpr (kPart == Part::solve) self().reduce(g, tile());
    if constexpr (kPart == Part::write) emit(g, c);
    g.sync();
    return kPart != Part::gather && state_->solve;
  }

 protected:
  struct State {
    Built<T> built;
    Moments moments;
    T sigma;
    int n;      // order of the tile
    T rest;     // of an iterative solver: what its space leaves over
    int found;  // and how many values it found
    bool solve;
  };

  // Stages as Builder takes them. `order`, `count`: of what is solved; constants where kOrder is.
  template <class Near>
  SALN_HD CandidateKernel(const Call& call, Memory& shared, char* stages, int n_stages, Near& near, int64_t order,
                          int64_t count)
      : call_(call),
        scratch_(shared.take<double>(2 * G::warps)),
        state_(shared.take<State>(1)),
        builder_(call, stages, n_stages, near),
        exact_(order, count, near),
        trivial_(near.template take<T>(order)) {}

  SALN_DEVICE const Self& self() const { return static_cast<const Self&>(*this); }

  SALN_DEVICE Tile<T> tile() const {
    return Tile<T>{tile_, state_->n, call_.choice.fiedler ? trivial_ : nullptr, state_->sigma, Self::kQuads};
  }

  // In the workspace, where vectors are wanted; where not, no register holds its pointers.
  SALN_DEVICE VectorSpace<T> space() const {
    Memory far(call_.workspace + block_rank() * call_.workspace_stride);
    return VectorSpace<T>(kOrder ? kOrder : call_.choice.order, call_.choice.count, far);
  }

  const Call& call_;
  double* scratch_;
  State* state_;
  Builder<T, G, kOrder> builder_;
  Exact<T> exact_;
  T *trivial_, *tile_ = nullptr;

 private:
  template <bool kColumns>
  SALN_DEVICE void build(G& g, int64_t c) const {
    const Choice& choice = call_.choice;
    Tile<T> tile{tile_, 0, choice.fiedler ? trivial_ : nullptr, 0, Self::kQuads};
    const Built<T> built = builder_.template build<kColumns>(g, tile);
    const bool good = !built.bad && built.real > 0, values = choice.need == Need::eigenvalues;
    Moments seen;
    if (good && (values || choice.need == Need::moments)) seen = moments(g, tile, built.real);
    if (good && choice.fiedler && choice.vectors) space().keep(g, tile);
    if (g.rank == 0) *state_ = State{built, seen, tile.sigma, tile.n, 0, 0, good && values};
    builder_.look_ahead(g, c + grid_size());
  }

  SALN_DEVICE void emit(G& g, int64_t c) const {
    const Built<T> built = state_->built;
    const Tile<T> whole = tile();
    const Emitter<T> emitter(call_);
    if (call_.choice.need == Need::nothing) {
      emitter.gram(g, c, built, builder_.selection(), whole);
      return;
    }
    Solution<T> s;
    s.moments = state_->moments;
    if (call_.choice.need == Need::pivots && !built.bad && built.real > 0) {
      const double factor = double(built.scale) / (call_.task.parameter * call_.task.parameter);
      s.log_det = log_det(g, whole, T(factor), builder_.work());
    }
    if (state_->solve) find_spectrum(g, whole, s);
    emitter.spectrum(g, c, built, builder_.selection().position, s);
  }

  SALN_DEVICE void find_spectrum(G& g, const Tile<T>& whole, Solution<T>& s) const {
    const Choice& choice = call_.choice;
    if constexpr (Self::kEstimates) {
      if (choice.solver == Solver::randomized) {
        self().take_estimate(g, whole, s);
      } else {
        find_exactly(g, whole, s);
      }
    } else {
      find_exactly(g, whole, s);
    }
    if (s.found > state_->built.real) s.found = state_->built.real;
    if (!choice.fiedler || !choice.vectors) return;
    Tile<T> kept = whole;
    kept.data = space().copy;
    s.residual = fiedler_residual(g, kept, s.vectors, s.values[0]);
    g.sync();
  }

  SALN_DEVICE void find_exactly(G& g, const Tile<T>& whole, Solution<T>& s) const {
    const Choice& choice = call_.choice;
    s.values = exact_.values;
    s.found = choice.count < whole.n ? choice.count : whole.n;
    const T scale = exact_.find_values(g, whole.n, s.found);
    if (choice.vectors) {
      const VectorSpace<T> found = space();
      found.find(g, whole, exact_, s.found);
      s.vectors = found.vectors;
    }
    exact_.scale_values(g, s.found, scale);
  }
};

}  // namespace saln::device
